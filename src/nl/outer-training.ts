/** Standard training: a loss averaged over data, and a run over it that also is a stream of gradients. */
import { grad, np, type Tensor, type TensorLike, type Tree } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import { gradientDescentStep } from "./proximal-descent.ts";

/** The loss of parameters on one sample: a scalar. */
export type SampleLoss<P extends Tree, X> = (params: P, sample: X) => Tensor;

/**
 * What training minimises: the mean loss over the data.
 *
 * $$W^* = \arg\min_W \mathcal L(W; \mathcal D), \qquad \mathcal L(W; \mathcal D) = \mathbb E_{x \sim \mathcal D}\big[\mathcal L(W; x)\big]$$
 *
 * @param params W, where the objective is evaluated: any tree
 * @param samples x, of any kind; each counts alike
 * @param loss of one sample
 * @returns []
 * @throws ConfigError if there is no sample
 * @see Nested Learning (arXiv:2512.24695) Eq. 7, 22
 */
export function meanLoss<P extends Tree, X>(params: P, samples: readonly X[], loss: SampleLoss<P, X>): Tensor {
  if (samples.length === 0) throw new ConfigError("a mean loss needs at least one sample; none was given");
  const losses = samples.map((sample) => loss(params, sample));
  return np.divide(
    losses.reduce((sum, one) => np.add(sum, one)),
    losses.length,
  );
}

/** Where a run ends, and what it showed its optimiser: the gradient of each step, in order. */
export type DescentRun<P extends Tree> = { readonly params: P; readonly gradients: readonly P[] };

/**
 * One pass of gradient descent over samples, with the gradients it makes on its way.
 *
 * $$\Phi_{t+1} = \Phi_t - \eta\,\nabla\mathcal L(\Phi_t; x_{t+1}, y_{t+1}), \qquad (x_{t+1}, y_{t+1}) \sim \mathcal D$$
 *
 * The architecture generates what its optimiser reads: the recorded gradients are the context of momentum or any other memory of them.
 *
 * @param params Phi_1, any tree
 * @param samples in the order in which they are learned
 * @param loss of one sample
 * @param stepSize eta
 * @see Nested Learning (arXiv:2512.24695) Eq. 23
 */
export function descentRun<P extends Tree, X>(
  params: P,
  samples: readonly X[],
  loss: SampleLoss<P, X>,
  stepSize: TensorLike,
): DescentRun<P> {
  const gradients: P[] = [];
  let now = params;
  for (const sample of samples) {
    const gradient = grad((at: P) => loss(at, sample))(now);
    gradients.push(gradient);
    now = gradientDescentStep(now, gradient, stepSize);
  }
  return { params: now, gradients };
}
