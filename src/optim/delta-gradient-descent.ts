/** Delta gradient descent as an optimiser: gradient descent that also erases what the weights answer to the current input. */
import { np, type Tensor } from "../array/index.ts";
import { checkChoice, checkPositive } from "./checks.ts";
import type { Optimizer, ParameterGroup } from "./optimizer.ts";
import { type DecayOptions, hiddenMatrices, type ParameterRule, ruleOptimizer } from "./parameter-rule.ts";
import { type InputAxis, inputAxes, squaredNorm, throughGradient } from "./rows.ts";

/** What delta gradient descent may be told; nothing decays by default. */
export interface DeltaGradientDescentOptions extends DecayOptions {
  /** lambda, the norm of a layer's input, which the gradient does not tell; 1 by default, as for normalised inputs. */
  readonly inputNorm?: number;
  /** Which axis of a matrix the layer's inputs are; `rows` by default, as in this library's models. */
  readonly inputs?: InputAxis;
  /** Which parameters are weights of linear layers; `hiddenMatrices` by default. The others take plain gradient steps. */
  readonly matrices?: ParameterGroup;
}

export const deltaGradientDescentDefaults = { inputNorm: 1, inputs: "rows", weightDecay: 0 } as const;

/** Keeps the projection of a gradient of zeros at zero. */
const SMALLEST_SQUARED_NORM = 1e-30;

/**
 * Delta gradient descent on any parameter tree, the input's direction being read off the gradient.
 *
 * $$W_{t+1} = W_t - \eta'\Big(\lambda^2\,W_t\,\frac{G^\top G}{\|G\|_F^2} + G\Big), \qquad \eta' = \frac{\eta}{1+\eta\lambda^2}$$
 *
 * The rule itself needs the layer's input x, which an optimiser does not see. For one sample the gradient is $\delta x^\top$, so that
 * $G^\top G/\|G\|_F^2 = xx^\top/\|x\|^2$ and this is the rule exactly, given the input's norm. For a batch the projection is a mean of the inputs'
 * directions weighted by their errors. Written for y = Wx; `inputs: "rows"` is its transpose. Like the rule it does not stop where the gradient
 * vanishes but where the answer equals the negative error. In code: lambda = `inputNorm`.
 *
 * @throws ConfigError if a setting is out of its range
 * @see Nested Learning (arXiv:2512.24695) Eq. 57
 */
export function deltaGradientDescent(options: DeltaGradientDescentOptions = {}): Optimizer<{ readonly step: Tensor }> {
  const settings = { matrices: hiddenMatrices, ...deltaGradientDescentDefaults, ...options };
  const { inputNorm, inputs, matrices } = settings;
  checkPositive({ inputNorm });
  checkChoice("inputs", inputs, inputAxes);
  const squaredInput = inputNorm ** 2;
  const plain: ParameterRule = { slots: {}, step: (gradient) => ({ direction: gradient, slots: {} }) };
  const rule: ParameterRule = {
    slots: {},
    step(gradient, _, { parameter, learningRate }) {
      const answered = np.divide(
        throughGradient(parameter, gradient, inputs),
        np.maximum(squaredNorm(gradient), SMALLEST_SQUARED_NORM),
      );
      const pull = np.add(np.multiply(answered, squaredInput), gradient);
      return { direction: np.divide(pull, np.add(np.multiply(learningRate, squaredInput), 1)), slots: {} };
    },
  };
  return ruleOptimizer("dgd", (path, parameter) => (matrices(path, parameter) ? rule : plain), settings);
}
