/** Shapes of the points of a line, so that lines can be told apart without their colours. */

type Corner = readonly [x: number, y: number];

/** Corners of a regular polygon of radius 1, the first at an angle in turns from the right. */
function polygon(corners: number, radius: number, turn = 0): Corner[] {
  return Array.from({ length: corners }, (_, i) => {
    const angle = 2 * Math.PI * (turn + i / corners);
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}

/** An upright cross whose arms have a third of its width. */
const cross: readonly Corner[] = [
  ...[[1, -3], [1, -1], [3, -1], [3, 1], [1, 1], [1, 3]], // biome-ignore format: a row a half
  ...[[-1, 3], [-1, 1], [-3, 1], [-3, -1], [-1, -1], [-1, -3]], // biome-ignore format: a row a half
].map(([x = 0, y = 0]) => [x * 0.38, y * 0.38]);

/** Shapes that look about as large as a circle of radius 1. */
const shapes = {
  circle: polygon(24, 1),
  square: polygon(4, 1.27, 1 / 8),
  triangle: polygon(3, 1.4, -1 / 4),
  diamond: polygon(4, 1.36),
  cross,
  wedge: polygon(3, 1.4, 1 / 4),
} as const satisfies Record<string, readonly Corner[]>;

export type SymbolName = keyof typeof shapes;

/** The names of all shapes. */
export const symbolNames = Object.keys(shapes) as SymbolName[];

/** A shape for a plot. */
export function plotSymbol(name: SymbolName): { draw(context: CanvasPath, area: number): void } {
  return {
    draw(context, area) {
      const radius = Math.sqrt(area / Math.PI);
      for (const [i, [x, y]] of shapes[name].entries()) {
        if (i === 0) context.moveTo(radius * x, radius * y);
        else context.lineTo(radius * x, radius * y);
      }
      context.closePath();
    },
  };
}

/** A shape as the data of an SVG path around the origin. */
export function symbolPath(name: SymbolName, radius: number): string {
  const corners = shapes[name].map(([x, y]) => `${(radius * x).toFixed(2)} ${(radius * y).toFixed(2)}`);
  return `M${corners.join("L")}Z`;
}
