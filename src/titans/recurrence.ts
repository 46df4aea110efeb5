/** The plain form of the memory: one token after another, every weight built. Slow, and the measure of everything faster. */
import { np, slice, type Tensor } from "../array/index.ts";
import type { MemoryArchitecture } from "../common/index.ts";
import { type MemoryState, memoryUpdate, retrieve, type TokenGates } from "./memory-update.ts";
import { momentarySurprise } from "./surprise.ts";

/**
 * One step of any recurrent memory: write, then read what was written.
 *
 * $$\mathcal M_t = f(\mathcal M_{t-1}, x_t), \qquad y_t = g(\mathcal M_t, x_t)$$
 *
 * The read sees the state that already contains the token. (The paper's sentence after the equations swaps the words; the labels are right.)
 *
 * @param write f
 * @param read g
 * @param memory the state before the token
 * @param x the token
 * @returns the state after the token, and the output
 * @see Titans (arXiv:2501.00663) Eq. 6-7
 */
export function writeThenRead<M, X, Y>(
  write: (memory: M, x: X) => M,
  read: (memory: M, x: X) => Y,
  memory: M,
  x: X,
): { memory: M; y: Y } {
  const written = write(memory, x);
  return { memory: written, y: read(written, x) };
}

/** Keys, values and queries of a stretch of tokens [..., T, dim], and its gates [..., T]. */
export interface MemoryTokens {
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly queries: Tensor;
  readonly forget: Tensor;
  readonly momentum: Tensor;
  readonly stepSize: Tensor;
}

/**
 * The online rule, token by token: gradient at the weights just before, update, read.
 *
 * @param state weights and carried surprise before the first token
 * @param tokens [..., T, dim] and gates [..., T]
 * @param period how many tokens share one gradient point (b of Eq. 16); 1 is the online rule of Eq. 13-14
 * @returns outputs [..., T, dim], each read after its own token was written, and the state after the last
 */
export function recurrentMemory(
  architecture: MemoryArchitecture,
  state: MemoryState,
  tokens: MemoryTokens,
  period = 1,
): { outputs: Tensor; state: MemoryState } {
  const length = tokens.keys.shape.at(-2) ?? 0;
  const vectorAt = (x: Tensor, t: number) => slice(x, ...x.shape.slice(0, -2).map((): [] => []), t);
  const gateAt = (x: Tensor, t: number) => slice(x, ...x.shape.slice(0, -1).map((): [] => []), t);
  const outputs: Tensor[] = [];
  let base = state.memory;
  let now = state;
  for (let t = 0; t < length; t++) {
    if (t % period === 0) base = now.memory;
    const gates: TokenGates = {
      forget: gateAt(tokens.forget, t),
      momentum: gateAt(tokens.momentum, t),
      stepSize: gateAt(tokens.stepSize, t),
    };
    const write = (before: MemoryState) => {
      const surprise = momentarySurprise(architecture, base, vectorAt(tokens.keys, t), vectorAt(tokens.values, t));
      return memoryUpdate(before, surprise, gates);
    };
    const read = (after: MemoryState, query: Tensor) => retrieve(architecture, after.memory, np.expandDims(query, -2));
    const step = writeThenRead(write, read, now, vectorAt(tokens.queries, t));
    now = step.memory;
    outputs.push(step.y);
  }
  return { outputs: np.concatenate(outputs, -2), state: now };
}
