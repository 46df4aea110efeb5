/** Momentum that passes through itself: what an order above one adds to the state, and how large steps may then be. */
import type { Tensor } from "../array/index.ts";
import type { MemoryWeights } from "../common/index.ts";
import { added, scaled, surpriseMomentum } from "./surprise.ts";

/**
 * Momentum of a higher order: the surprise is carried, what has been carried is carried again, and so on.
 *
 * $$S^{(1)}_t = \eta_t S^{(1)}_{t-1} - \theta_t u_t, \qquad S^{(k)}_t = \eta_t S^{(k)}_{t-1} + S^{(k-1)}_t$$
 *
 * The last one is added to the weights. Order 1 is the paper's momentum. Not in the paper: `momentum_order` of the public re-implementation
 * lucidrains/titans-pytorch.
 *
 * @param past S^(1), ..., S^(n) before the token: trees like the memory, matrices [..., out, in]
 * @param surprise u_t: the momentary surprise
 * @param momentum eta_t: one number a memory
 * @param stepSize theta_t: one number a memory
 * @returns S^(1), ..., S^(n) after the token
 */
export function higherOrderMomentum(
  past: readonly MemoryWeights[],
  surprise: MemoryWeights,
  momentum: Tensor,
  stepSize: Tensor,
): MemoryWeights[] {
  const [first, ...higher] = past as readonly [MemoryWeights, ...MemoryWeights[]];
  const surprises = [surpriseMomentum(first, surprise, momentum, stepSize)];
  for (const before of higher) surprises.push(added(scaled(momentum, before), surprises.at(-1)!));
  return surprises;
}

/**
 * What a step size is divided by in the pressure of the step guards.
 *
 * $$L_1 = \epsilon, \qquad L_n = \tfrac12\,\epsilon^{n+1}\,\tan\tfrac{\pi}{2n}\,\Big(\cos\tfrac{\pi}{2n}\Big)^{-n} \quad (n > 1), \qquad \epsilon = 1 - \eta$$
 *
 * With one order of momentum the total effect of a surprise, $1/\epsilon$, is what may not overshoot. With more orders the memory and its momentum can
 * swing against each other long before: the error e obeys $s\,(s + \epsilon)^n\,e = -\theta K\,e$ in continuous time, whose swings grow as soon as
 * $\theta K$ is above $2 L_n$ (Routh-Hurwitz). Half of that leaves the guards the room they have at order one.
 *
 * @param leak epsilon
 * @param order n
 */
export function momentumLeeway(leak: number, order: number): number {
  if (order === 1) return leak;
  const angle = Math.PI / (2 * order);
  return (0.5 * Math.tan(angle) * leak ** (order + 1)) / Math.cos(angle) ** order;
}
