/** AdamW: Adam with decoupled weight decay. */
import { mapTree, namedLeaves, np, scope, type Tensor, type Tree, zipTrees } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import type { Optimizer, ParameterGroup } from "./optimizer.ts";

/** What AdamW may be told. */
export interface AdamWOptions {
  /** beta_1, how much of the mean gradient is kept; 0.9 by default. */
  readonly beta1?: number;
  /** beta_2, how much of the mean squared gradient is kept; 0.95 by default, as language models use it. */
  readonly beta2?: number;
  /** Added to the root of the mean squared gradient; 1e-8 by default. */
  readonly epsilon?: number;
  /** lambda, multiplied by the learning rate; 0.01 by default. */
  readonly weightDecay?: number;
  /** Which parameters decay; `decaysByDefault` by default. */
  readonly decays?: ParameterGroup;
}

/** AdamW's state: the number of steps taken, [], and a tree like the parameters' for each moment. */
export type AdamWState = { readonly step: Tensor; readonly firstMoment: Tree; readonly secondMoment: Tree };

/** Names of parameters that are no weights of a map from features to features, whatever their shape. */
const notDecayed = /^(gates|.*(norm|scale|shift|bias|embedding|convolution|taps))$/i;

/**
 * Weight matrices decay; vectors, norms, biases, embeddings, convolution taps and memory gates do not.
 *
 * Decay pulls towards zero, which is a harmless prior for a matrix only: a norm's scale at 0 silences its layer, a memory gate's logit at 0
 * forgets half of the memory a token, rare tokens' embeddings would shrink between their appearances.
 *
 * @param path a parameter's path, of which any part may name one of these
 */
export function decaysByDefault(path: string, parameter: Tensor): boolean {
  return parameter.ndim >= 2 && !path.split(".").some((name) => notDecayed.test(name));
}

/**
 * AdamW (Loshchilov and Hutter, arXiv:1711.05101, Algorithm 2).
 *
 * $$m_t = \beta_1 m_{t-1} + (1-\beta_1) g_t, \qquad v_t = \beta_2 v_{t-1} + (1-\beta_2) g_t^2$$
 * $$p_t = p_{t-1} - \eta\Big(\frac{m_t/(1-\beta_1^t)}{\sqrt{v_t/(1-\beta_2^t)}+\epsilon} + \lambda\,p_{t-1}\Big)$$
 *
 * @throws ConfigError if a beta is not in [0, 1), epsilon is not positive, or the decay is negative
 */
export function adamW(options: AdamWOptions = {}): Optimizer<AdamWState> {
  const { beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0.01, decays = decaysByDefault } = options;
  for (const [name, beta] of Object.entries({ beta1, beta2 })) {
    if (!(beta >= 0 && beta < 1)) throw new ConfigError(`${name} must be at least 0 and less than 1, not ${beta}`);
  }
  if (!(epsilon > 0)) throw new ConfigError(`epsilon must be more than 0, not ${epsilon}`);
  if (!(weightDecay >= 0)) throw new ConfigError(`weightDecay must be at least 0, not ${weightDecay}`);

  return {
    name: "adamw",

    init(params) {
      const zeros = () => mapTree(params, (p) => np.zerosLike(p));
      return { step: np.zeros([]), firstMoment: zeros(), secondMoment: zeros() };
    },

    update(params, gradients, state, learningRate) {
      return scope(() => {
        const step = np.add(state.step, 1);
        const firstMoment = zipTrees((m, g) => decayingMean(beta1, m, g), state.firstMoment, gradients);
        const secondMoment = zipTrees((v, g) => decayingMean(beta2, v, np.square(g)), state.secondMoment, gradients);

        const firstBias = biasCorrection(beta1, step);
        const secondBias = biasCorrection(beta2, step);
        // All that is the same for every parameter is one factor: what is left are passes over memory.
        const rate = np.divide(learningRate, firstBias);
        const kept = np.subtract(1, np.multiply(learningRate, weightDecay));
        const steps = namedLeaves(
          zipTrees(
            (_, m, v) => np.divide(np.multiply(m, rate), np.add(np.sqrt(np.divide(v, secondBias)), epsilon)),
            params,
            firstMoment,
            secondMoment,
          ),
        );
        const updated = mapTree(params, (p, path) =>
          np.subtract(decays(path, p) ? np.multiply(p, kept) : p, steps.get(path)!),
        );
        return [updated, { step, firstMoment, secondMoment }];
      });
    },
  };
}

function decayingMean(beta: number, mean: Tensor, value: Tensor): Tensor {
  return np.add(np.multiply(mean, beta), np.multiply(value, 1 - beta));
}

/** 1 - beta^t as -expm1(t log beta): the difference itself would lose four of float32's seven digits at the first steps. */
function biasCorrection(beta: number, step: Tensor): Tensor {
  return beta === 0 ? np.onesLike(step) : np.negative(np.expm1(np.multiply(step, Math.log(beta))));
}
