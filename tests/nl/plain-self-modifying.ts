/** Self-modifying Titans in plain numbers, token by token: one sequence, one loop, no chunk algebra. */
import type { SelfModifyingConfig } from "../../src/nl/index.ts";
import * as oracle from "../oracles/index.ts";

type Vector = oracle.Vector;
type Matrix = oracle.Matrix;

/** Matrices of a memory, the one that reads the key first. */
export type PlainMemory = Matrix[];

const silu = (z: number) => z * oracle.sigmoid(z);
const siluSlope = (z: number) => oracle.sigmoid(z) * (1 + z * (1 - oracle.sigmoid(z)));

/** M(x): a matrix, or with two x + W1 silu(W2 x). */
export function plainAnswer(memory: PlainMemory, x: Vector): Vector {
  const [first, second] = memory;
  if (second === undefined) return oracle.matVec(first!, x);
  return oracle.add(x, oracle.matVec(second, oracle.matVec(first!, x).map(silu)));
}

/** How one write goes. */
export interface PlainWrite {
  readonly key: Vector;
  readonly target: Vector;
  readonly stepSize: number;
  readonly retain: number;
}

type Rule = Pick<SelfModifyingConfig, "rule" | "erase" | "eraseLayers">;

/** The running memory after one token, its gradient taken at another: with `steps` and momentum these carry what is added. */
export function plainWrite(
  running: PlainMemory,
  boundary: PlainMemory,
  { key, target, stepSize, retain }: PlainWrite,
  { rule, erase, eraseLayers }: Rule,
  steps?: PlainMemory,
  momentum = 0,
): { memory: PlainMemory; steps: PlainMemory } {
  const error = rule === "delta" ? oracle.scale(-1, target) : oracle.subtract(plainAnswer(boundary, key), target);
  const z = oracle.matVec(boundary[0]!, key);
  const hidden = z.map(silu);
  const inputs = running.length === 1 ? [key] : [key, hidden];
  const errors =
    running.length === 1 ? [error] : [oracle.vecMat(error, boundary[1]!).map((g, i) => g * siluSlope(z[i]!)), error];
  const added = running.map((_matrix, l) => {
    const gradient = oracle.scaleMatrix(-stepSize, oracle.outer(errors[l]!, inputs[l]!));
    return steps ? oracle.addMatrix(oracle.scaleMatrix(momentum, steps[l]!), gradient) : gradient;
  });
  const memory = running.map((matrix, l) => {
    const size = Math.max(oracle.norm(inputs[l]!), 1e-6);
    const along = l === 0 ? key : oracle.scale(1 / size, inputs[l]!);
    const erased = oracle.scaleMatrix(-stepSize, oracle.outer(oracle.matVec(matrix, along), along));
    const isErased = erase && (l === 0 || eraseLayers === "all");
    const kept = oracle.addMatrix(oracle.scaleMatrix(retain, matrix), added[l]!);
    return isErased ? oracle.addMatrix(kept, erased) : kept;
  });
  return { memory, steps: added };
}

/** Parameters of a layer with one head, by name. */
export interface PlainParams {
  readonly projections?: Readonly<Record<string, Matrix>>;
  readonly convolutions: Readonly<Record<string, Matrix>>;
  readonly gateBiases: Readonly<Record<string, Vector>>;
  readonly initialMemories: Readonly<Record<string, { layers: Matrix[][] }>>;
  readonly readScale: Matrix;
  readonly outputGate: Matrix;
  readonly output: Matrix;
}

const unit = (x: Vector) => oracle.scale(1 / Math.sqrt(oracle.dot(x, x) + 1e-6), x);
const mean = (x: Vector) => x.reduce((sum, value) => sum + value, 0) / x.length;

/** The layer over one sequence from its initial state; rows that are not stored are only read with. */
export function plainLayer(
  config: SelfModifyingConfig,
  params: PlainParams,
  x: Matrix,
  stored: readonly boolean[] = x.map(() => true),
): { outputs: Matrix; memories: Record<string, PlainMemory> } {
  const { heads, dim, chunkSize, projectionChunkSize, momentum } = config;
  const size = dim / heads;
  const names = Object.keys(params.initialMemories);
  const memories = Array.from({ length: heads }, (_, h) =>
    Object.fromEntries(names.map((name) => [name, params.initialMemories[name]!.layers.map((layer) => layer[h]!)])),
  );
  const zeros = (memory: PlainMemory) => memory.map((matrix) => oracle.scaleMatrix(0, matrix));
  const carried = memories.map((own) => Object.fromEntries(names.map((name) => [name, zeros(own[name]!)])));
  let boundaries = memories.map((own) => ({ ...own }));
  const past: Record<string, Matrix> = { query: [], key: [], value: [] };
  const outputs = x.map((token, t) => {
    boundaries = memories.map((own, h) =>
      Object.fromEntries(
        names.map((name) => {
          const starts = t % (name === "memory" ? chunkSize : projectionChunkSize) === 0;
          return [name, starts ? own[name]! : boundaries[h]![name]!];
        }),
      ),
    );
    const features = (name: string): Vector => {
      const matrix = params.projections?.[name];
      if (matrix !== undefined) return oracle.vecMat(token, matrix);
      return boundaries.flatMap((own, h) => plainAnswer(own[name]!, token.slice(h * size, (h + 1) * size)));
    };
    const convolved = (name: string): Vector => {
      past[name]!.push(features(name));
      const taps = params.convolutions[name]!;
      return token.map((_, j) =>
        taps.reduce((sum, tap, n) => sum + tap[j]! * (past[name]![t - (taps.length - 1) + n]?.[j] ?? 0), 0),
      );
    };
    const [queries, keys, values] = ["query", "key", "value"].map(convolved) as [Vector, Vector, Vector];
    const stepLogits = features("stepSize");
    const retainLogits = config.decay ? features("retain") : [];
    const read = boundaries.flatMap((own, h) => {
      const inHead = (u: Vector) => u.slice(h * size, (h + 1) * size);
      const value = config.normalizeValues ? unit(inHead(values)) : inHead(values);
      const bounded = config.maxStepSize * oracle.sigmoid(mean(inHead(stepLogits)) + params.gateBiases.stepSize![h]!);
      const step = config.normalizedStep ? bounded / (1 + bounded) : bounded;
      const retain = config.decay ? oracle.sigmoid(mean(inHead(retainLogits)) + params.gateBiases.retain![h]!) : 1;
      const query = unit(inHead(queries));
      const from = config.readState === "running" ? memories[h]!.memory! : own.memory!;
      const answer = plainAnswer(from, query);
      const rms = Math.sqrt(mean(answer.map((u) => u * u)) + 1e-6);
      for (const name of names) {
        const target = config.targets === "self" ? plainAnswer(own[name]!, value) : value;
        const pair = { key: unit(inHead(keys)), target, stepSize: stored[t] ? step : 0, retain };
        const steps = momentum > 0 ? carried[h]![name]! : undefined;
        const after = plainWrite(memories[h]![name]!, own[name]!, pair, config, steps, momentum);
        memories[h]![name] = after.memory;
        carried[h]![name] = after.steps;
      }
      return answer.map((u, j) => (u / rms) * params.readScale[h]![j]!);
    });
    const gate = oracle.vecMat(token, params.outputGate).map(oracle.sigmoid);
    return oracle.vecMat(
      read.map((u, j) => u * gate[j]!),
      params.output,
    );
  });
  return { outputs, memories: memories[0]! };
}
