/** Programs of the lowered primitives, drawn at random: the same seed gives the same program, whoever traces it. */
import { np, slice, type Tensor } from "../../../src/array/index.ts";
import { generator, randomTensor } from "./support.ts";

/** A program and its arguments. */
export interface RandomProgram {
  readonly args: readonly Tensor[];
  readonly f: (...args: Tensor[]) => Tensor[];
}

class Dice {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = generator(seed);
  }

  /** A whole number from 0 to n - 1. */
  below(n: number): number {
    return Math.min(n - 1, Math.floor(((this.next() + 1) / 2) * n));
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  permutation(n: number): number[] {
    const items = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  }
}

type Step = (dice: Dice, x: Tensor, pool: readonly Tensor[]) => Tensor;

/** Keeps numbers of a size at which float32 tells something. */
const tame = (x: Tensor) => np.tanh(x);

/** A tensor that broadcasts with x: another one brought to its shape, some axes left out or of length 1. */
function partner(dice: Dice, x: Tensor, pool: readonly Tensor[]): Tensor {
  const fitting = pool.filter((y) => y.shape.every((n, i) => n === 1 || n === x.shape[x.ndim - y.ndim + i]));
  const y = dice.of([x, ...fitting]);
  const axis = y.ndim === 0 ? 0 : dice.below(y.ndim);
  return y.ndim > 0 && dice.below(3) === 0 ? np.mean(y, axis, { keepdims: true }) : y;
}

const steps: Readonly<Record<string, Step>> = {
  add: (dice, x, pool) => np.add(x, partner(dice, x, pool)),
  subtract: (dice, x, pool) => np.subtract(partner(dice, x, pool), x),
  multiply: (dice, x, pool) => np.multiply(x, partner(dice, x, pool)),
  scale: (dice, x) => np.multiply(x, dice.of([-1, 0.5, 2, -3])),
  shift: (dice, x) => np.add(dice.of([-1, 0.25, 2]), x),
  divide: (dice, x, pool) => np.divide(x, np.add(np.square(partner(dice, x, pool)), 0.5)),
  negative: (_, x) => np.negative(x),
  exp: (_, x) => np.exp(tame(x)),
  log: (_, x) => np.log(np.add(np.square(x), 2)),
  sqrt: (_, x) => np.sqrt(np.add(np.abs(x), 0.5)),
  sine: (_, x) => np.sin(x),
  tanh: (_, x) => tame(x),
  maximum: (dice, x, pool) => np.maximum(x, partner(dice, x, pool)),
  minimum: (dice, x) => np.minimum(x, dice.of([0.1, -0.2])),
  where: (dice, x, pool) => np.where(np.less(x, dice.of([0.1234, -0.4321])), x, partner(dice, x, pool)),
  sum: (dice, x) => (x.ndim === 0 ? x : np.sum(tame(x), dice.below(x.ndim))),
  mean: (dice, x) => (x.ndim === 0 ? x : np.mean(x, dice.below(x.ndim), { keepdims: dice.below(2) === 0 })),
  largest: (dice, x) => (x.ndim === 0 ? x : np.max(x, dice.below(x.ndim))),
  transpose: (dice, x) => np.transpose(x, dice.permutation(x.ndim)),
  reshape: (dice, x) => np.reshape(x, factors(dice, x.size)),
  broadcast: (dice, x) => (x.size > 60 ? x : np.broadcastTo(x, [2 + dice.below(2), ...x.shape])),
  "unit axis": (dice, x) => np.expandDims(x, dice.below(x.ndim + 1)),
  slice: (dice, x) => {
    if (x.ndim === 0 || x.shape[0]! < 2) return x;
    const start = dice.below(x.shape[0]! - 1);
    return slice(x, dice.below(2) === 0 ? [start, start + 2] : start);
  },
  flip: (dice, x) => (x.ndim === 0 ? x : np.flip(x, dice.below(x.ndim))),
  pad: (dice, x) => (x.size > 60 || x.ndim === 0 ? x : np.pad(x, { [dice.below(x.ndim)]: [dice.below(2), 1] })),
  concatenate: (dice, x) => {
    if (x.size > 60 || x.ndim === 0) return x;
    return np.concatenate([x, np.negative(x), np.square(x)].slice(0, 2 + dice.below(2)), dice.below(x.ndim));
  },
  "running sum": (dice, x) => (x.ndim === 0 ? x : np.cumsum(tame(x), dice.below(x.ndim))),
  triangle: (_, x) => (x.ndim < 2 ? x : np.tril(x)),
  take: (dice, x) => {
    if (x.ndim === 0) return x;
    const axis = dice.below(x.ndim);
    const n = x.shape[axis]!;
    return np.take(x, np.array([dice.below(n), dice.below(n), 0], { dtype: np.int32 }), axis);
  },
  contraction: (dice, x, pool) => contraction(dice, tame(x), tame(dice.of(pool))),
  "contraction with itself": (dice, x) => contraction(dice, tame(x), tame(x)),
  "sum of products": (dice, x, pool) => {
    const product = np.multiply(tame(x), tame(partner(dice, x, pool)));
    return product.ndim === 0 ? product : np.sum(product, dice.permutation(product.ndim).slice(0, 1 + dice.below(2)));
  },
};

/** The library's types know einsum with numbered axes alone. */
const einsum = np.einsum as unknown as (equation: string, ...operands: Tensor[]) => Tensor;

/** Axes of equal length of the two are shared (and kept or summed), others are their own. */
function contraction(dice: Dice, x: Tensor, y: Tensor): Tensor {
  if (x.ndim > 4 || y.ndim > 4) return x;
  const letters = "abcdefgh";
  const xs = [...letters.slice(0, x.ndim)];
  const free = new Set(xs);
  const ys = y.shape.map((n, i) => {
    const same = xs.find((letter, axis) => free.has(letter) && x.shape[axis] === n);
    if (same === undefined || dice.below(4) === 0) return letters[x.ndim + i]!;
    free.delete(same);
    return same;
  });
  const all = [...new Set([...xs, ...ys])];
  const sizes = new Map([
    ...xs.map((l, i) => [l, x.shape[i]!] as const),
    ...ys.map((l, i) => [l, y.shape[i]!] as const),
  ]);
  let kept = dice.permutation(all.length).map((i) => all[i]!);
  kept = kept.filter(() => dice.below(3) > 0);
  while (kept.reduce((size, letter) => size * sizes.get(letter)!, 1) > 120) kept.pop();
  return einsum(`${xs.join("")},${ys.join("")}->${kept.join("")}`, x, y);
}

/** Lengths with a given product. */
function factors(dice: Dice, size: number): number[] {
  const shape: number[] = [];
  let rest = size;
  while (rest > 1 && shape.length < 3) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((n) => rest % n === 0);
    const n = dice.of(divisors);
    shape.push(n);
    rest /= n;
  }
  return [...shape, rest];
}

/** The names of the operations that random programs are made of. */
export const stepNames = Object.keys(steps);

export function randomProgram(seed: number): RandomProgram {
  const dice = new Dice(seed);
  const args = Array.from({ length: 1 + dice.below(3) }, (_, i) => {
    const shape = Array.from({ length: dice.below(5) }, () => dice.of([1, 2, 3, 4]));
    return randomTensor(shape, seed * 10 + i);
  });
  const count = 3 + dice.below(10);
  return {
    args,
    f: (...given) => {
      const rolls = new Dice(seed ^ 0x5f3759df);
      const pool = [...given];
      for (let i = 0; i < count; i++) {
        // Mostly the newest, so that chains form.
        const x = rolls.below(3) > 0 ? pool.at(-1)! : rolls.of(pool);
        const name = rolls.of(stepNames);
        const y = steps[name]!(rolls, x, pool);
        if (y.size > 0 && y.size <= 400 && y.ndim <= 5) pool.push(y);
      }
      return pool.slice(given.length - 1);
    },
  };
}
