/** The plain form of any memory: one token after another, every weight built. Slow, and the measure of everything faster. */
import { mapTree, np, slice, type Tensor } from "../array/index.ts";
import { type MemoryWeights, memoryForward, memoryPass, transposed } from "../common/index.ts";
import { biasError } from "./attentional-bias.ts";
import { gatedWrites } from "./chunk-decay.ts";
import { leastSquaresChunk } from "./least-squares-chunk.ts";
import {
  type ChunkTokens,
  checkGates,
  checkPlainTokens,
  chunkFormOf,
  gatesInUse,
  isAfterDecay,
  isTokenExact,
  type MemoryChoices,
} from "./memory-choices.ts";
import { type AssociativeState, type OutputNorm, withNorm } from "./memory-state.ts";
import { type MatrixGates, matrixGates, type WriteGates } from "./write-gates.ts";

/**
 * Writes and reads token by token.
 *
 * $$g_t = \nabla\ell(W_{t'};\,k_t, v_t), \qquad A_t = \alpha_t A_{t-1} - \eta_t g_t, \qquad W_t = R(A_t), \qquad y_t = \mathcal M(W_t, q_t)$$
 *
 * with R the retention's map (the identity where retention is linear), and $t'$ the start of the token's period, or the token before it where the algorithm is
 * exact.
 *
 * @param state before the first token
 * @param tokens [..., T, features]
 * @param gates [..., T, 1 or channels]
 * @param period tokens that share one gradient point, and after which a retention's map is applied to what is carried; 1 is the token rule
 * @param norm of the network's output
 * @throws ConfigError if the choices cannot be combined
 * @returns outputs [..., T, out], each read after its own token was written, and the state after the last
 * @see MIRAS (arXiv:2504.13173) Eq. 5, 28
 */
export function associativeRecurrence(
  choices: MemoryChoices,
  state: AssociativeState,
  tokens: ChunkTokens,
  gates: WriteGates,
  period = 1,
  norm?: OutputNorm,
): { outputs: Tensor; state: AssociativeState } {
  const { architecture, retention, algorithm } = choices;
  const form = chunkFormOf(choices);
  if (form !== "triangular") checkPlainTokens(tokens, form);
  checkGates(choices, gates);
  if (algorithm.kind === "leastSquares") return leastSquaresChunk(state, tokens, gates);
  const { keys, values, queries, erase } = tokens;
  const used = gatesInUse(choices, keys, gates);
  const length = queries.shape.at(-2) ?? 0;
  const pairs = keys.shape.at(-2)! / length;
  const outputs: Tensor[] = [];
  let run = opened(choices, state);
  for (let t = 0; t < length; t++) {
    const slot = t % period;
    if (slot === 0 && t > 0) run = opened(choices, closed(choices, run));
    for (let write = t * pairs; write < (t + 1) * pairs; write++) {
      const movesPoint = isTokenExact(choices) || (slot === 1 && retention.kind === "nonlinear" && retention.lagToken);
      if (movesPoint) run = { ...run, point: run.weights };
      const pair = {
        key: row(keys, write),
        value: row(values, write),
        ...(erase ? { erase: { key: row(erase.keys, write), gate: row(erase.gate, write) } } : {}),
      };
      run = written(choices, run, pair, tokenGates(used, write), norm);
    }
    outputs.push(memoryForward(architecture, withNorm(run.weights, norm), row(queries, t)));
  }
  return { outputs: np.concatenate(outputs, -2), state: closed(choices, run) };
}

/** One pair: [..., 1, features] each. */
interface Pair {
  readonly key: Tensor;
  readonly value: Tensor;
  readonly erase?: { readonly key: Tensor; readonly gate: Tensor };
}

/** A period that is under way, one array a weight matrix each. */
interface OpenPeriod {
  /** What was carried into it. */
  readonly carried: readonly Tensor[];
  readonly accumulators: readonly Tensor[];
  readonly shrinkages: readonly (Tensor | undefined)[];
  readonly steps: readonly Tensor[] | undefined;
  /** W_t */
  readonly weights: readonly Tensor[];
  /** Where gradients are taken. */
  readonly point: readonly Tensor[];
}

function opened({ retention }: MemoryChoices, { layers, steps }: AssociativeState): OpenPeriod {
  const open = { carried: layers, shrinkages: layers.map(() => undefined), steps };
  if (retention.kind === "linear") return { ...open, accumulators: layers, weights: layers, point: layers };
  const accumulators = layers.map((layer) => retention.gate.accumulator(layer));
  const weights = accumulators.map((a, l) => retention.gate.weights(a, layers[l]!));
  return { ...open, accumulators, weights, point: weights };
}

function closed({ retention }: MemoryChoices, run: OpenPeriod): AssociativeState {
  const steps = run.steps && { steps: run.steps };
  if (retention.kind === "linear") return { layers: run.accumulators, ...steps };
  const next = run.accumulators.map((a, l) => retention.gate.next(a, run.carried[l]!, run.shrinkages[l]));
  return { layers: next, ...steps };
}

function written(
  choices: MemoryChoices,
  run: OpenPeriod,
  pair: Pair,
  gates: WriteGates,
  norm: OutputNorm | undefined,
): OpenPeriod {
  const { retention, gateAxis } = choices;
  const own = run.weights.map((_, l) => matrixGates(gates, gateAxis, l, run.weights.length));
  const point = isAfterDecay(choices) ? run.point.map((w, l) => decayedBy(own[l]!, w)) : run.point;
  const taken = pair.erase
    ? [erasedAndWritten(choices, point[0]!, pair, pair.erase, own[0]!)]
    : steppedDown(choices, withNorm(point, norm), pair, own, gates.threshold);
  const momentum = gates.logMomentum && np.exp(gates.logMomentum);
  const steps = momentum && run.steps?.map((step, l) => np.add(np.multiply(momentum, step), taken[l]!));
  const accumulators = run.accumulators.map((before, l) =>
    np.add(decayedBy(own[l]!, before), steps ? steps[l]! : taken[l]!),
  );
  const shrinkages = run.shrinkages.map((before, l) => shrunkOnce(own[l]!, before));
  const weights =
    retention.kind === "linear"
      ? accumulators
      : accumulators.map((a, l) => retention.gate.weights(a, run.carried[l]!, shrinkages[l]));
  return { ...run, accumulators, shrinkages, steps, weights };
}

/** What a gradient step adds to each matrix: $-\eta\,\nabla\ell$. */
function steppedDown(
  { architecture, bias }: MemoryChoices,
  point: MemoryWeights,
  { key, value }: Pair,
  gates: readonly MatrixGates[],
  threshold: Tensor | undefined,
): Tensor[] {
  const pass = memoryPass(architecture, point, key);
  const factors = pass.pullBack(biasError(bias, pass.output, value, threshold));
  return factors.layers.map((layer, l) => {
    const { input, error } = gatedWrites(gates[l]!, layer);
    return np.negative(np.matmul(transposed(error), input));
  });
}

/** What is added where erasing and writing part: $v k^\top - (W \hat k)(a \odot \hat k)^\top$, gated both. */
function erasedAndWritten(
  { bias }: MemoryChoices,
  weights: Tensor,
  { key, value }: Pair,
  erase: NonNullable<Pair["erase"]>,
  gates: MatrixGates,
): Tensor {
  const answer = np.matmul(erase.key, transposed(weights)); // [..., 1, out]
  const [written, erased] = [
    { input: key, error: np.multiply(value, bias.affine!.value) },
    { input: np.multiply(erase.gate, erase.key), error: np.multiply(answer, bias.affine!.prediction) },
  ].map((write) => {
    const { input, error } = gatedWrites(gates, write);
    return np.matmul(transposed(error), input);
  }) as [Tensor, Tensor];
  return np.subtract(written, erased);
}

/** Row t of [..., T, n], as a chunk of one token. */
function row(x: Tensor, t: number): Tensor {
  return slice(x, ...x.shape.slice(0, -2).map((): [] => []), [t, t + 1]);
}

function tokenGates(gates: WriteGates, t: number): WriteGates {
  return mapTree({ ...gates }, (gate) => row(gate, t));
}

/** A gate of one token along the rows [..., out or 1, 1] of a matrix, and along its columns [..., 1, in]. */
function onRows(gate: Tensor): Tensor {
  return np.swapaxes(gate, -1, -2);
}

/** A matrix, or a number for each of its entries, after one token's retention. */
function decayedBy({ rows, columns }: MatrixGates, matrix: Tensor): Tensor {
  const byRow = rows ? np.multiply(onRows(np.exp(rows.logRetain)), matrix) : matrix;
  return columns ? np.multiply(byRow, np.exp(columns.logRetain)) : byRow;
}

/** The threshold accumulated since the period began, after one more token. */
function shrunkOnce(gates: MatrixGates, before: Tensor | undefined): Tensor | undefined {
  const { rows, columns } = gates;
  const own = rows?.shrinkage ? onRows(rows.shrinkage) : columns?.shrinkage;
  if (own === undefined) return before;
  return before === undefined ? own : np.add(decayedBy(gates, before), own);
}
