/** The gate that joins what attention and memory say. */
import { nn, np, type Tensor } from "../array/index.ts";
import { initRmsNorm, rmsNorm } from "../common/index.ts";

/**
 * How the two branches are joined, both normalised with learned scales first.
 *
 * - `sigmoid`: attention, let through by the sigmoid of the memory
 * - `silu`: attention times the SiLU of the memory
 * - `product`: the sigmoid of their product
 * - `sum`: half their sum
 */
export const branchGates = ["sigmoid", "silu", "product", "sum"] as const;
/** One of `branchGates`. */
export type BranchGate = (typeof branchGates)[number];

/** Scales of the two norms: gamma_y and gamma_m, [dim] each. */
export type BranchGateParams = { readonly attention: Tensor; readonly memory: Tensor };

/** Attention's branch begins quietly: what it says of a token, the residual stream around the layer mostly holds already. */
const INITIAL_ATTENTION_SCALE = 0.2;

/** Fresh scales. */
export function initBranchGate(dim: number): BranchGateParams {
  return { attention: np.multiply(initRmsNorm(dim), INITIAL_ATTENTION_SCALE), memory: initRmsNorm(dim) };
}

/**
 * Joins the branches.
 *
 * $$y \otimes m = \hat y \odot \sigma(\hat m), \qquad \hat y = \mathrm{RMSNorm}_{\gamma_y}(y), \quad \hat m = \mathrm{RMSNorm}_{\gamma_m}(m)$$
 *
 * The paper asks for normalised branches and a non-linearity, and leaves the rest open. Others: $\hat y \odot \mathrm{SiLU}(\hat m)$,
 * $\sigma(\hat y \odot \hat m)$, $(\hat y + \hat m) / 2$.
 *
 * @param kind which of them
 * @param params gamma_y and gamma_m: [dim] each
 * @param y attention's output: [..., dim]
 * @param m the memory's output: [..., dim]
 * @returns [..., dim]
 * @see Titans (arXiv:2501.00663) Eq. 25, 28
 */
export function branchGate(kind: BranchGate, params: BranchGateParams, y: Tensor, m: Tensor): Tensor {
  const attention = rmsNorm(params.attention, y);
  const memory = rmsNorm(params.memory, m);
  switch (kind) {
    case "sigmoid":
      return np.multiply(attention, nn.sigmoid(memory));
    case "silu":
      return np.multiply(attention, nn.silu(memory));
    case "product":
      return nn.sigmoid(np.multiply(attention, memory));
    case "sum":
      return np.multiply(np.add(attention, memory), 0.5);
  }
}
