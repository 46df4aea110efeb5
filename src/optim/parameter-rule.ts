/** Optimisers that move every parameter by a rule of its own: the walk over the tree, the state's layout and weight decay, once for all of them. */
import { mapTree, namedLeaves, np, scope, type Tensor, type Tree, treeOf, zipTrees } from "../array/index.ts";
import { ShapeError } from "../utils/index.ts";
import { checkNotNegative } from "./checks.ts";
import type { Optimizer, ParameterGroup } from "./optimizer.ts";

/** What an optimiser remembers of one parameter, by name. */
export type Slots = Readonly<Record<string, Tensor>>;

/** What a rule may look at besides gradient and slots. */
export interface StepContext {
  readonly parameter: Tensor;
  /** The number of this step, from 1: []. */
  readonly step: Tensor;
  /** [] */
  readonly learningRate: Tensor;
}

/** How one parameter moves: against its direction, times the learning rate. */
export interface ParameterRule {
  /** The slots by name, none of them `step`, each with what it holds before the first step. */
  readonly slots: Readonly<Record<string, (parameter: Tensor) => Tensor>>;
  step(gradient: Tensor, slots: Slots, context: StepContext): RuleStep;
}

/** What one parameter's rule makes of its gradient. */
export interface RuleStep {
  /** d, shaped like the parameter. */
  readonly direction: Tensor;
  /** A number that the direction counts with, []: beside the learning rate it costs no pass over the parameter. 1 where left out. */
  readonly scale?: Tensor;
  /** The slots after the step. */
  readonly slots: Slots;
}

/** The state of such an optimiser: the number of steps taken, [], and for each slot the tree of those parameters that have it. */
export type RuleState = { readonly step: Tensor; readonly [slot: string]: Tree };

/** Decay that every optimiser has: decoupled from the gradient, as in AdamW. */
export interface DecayOptions {
  /** lambda, multiplied by the learning rate. */
  readonly weightDecay?: number;
  /** Which parameters decay; `decaysByDefault` by default. */
  readonly decays?: ParameterGroup;
}

/** Names of parameters that are no weights of a map from features to features, whatever their shape. */
const notDecayed = /^(gates|.*(norm|scale|shift|bias|embedding|convolution|taps))$/i;

/**
 * Weight matrices decay; vectors, norms, biases, embeddings, convolution taps and memory gates do not.
 *
 * Decay pulls towards zero, which is a harmless prior for a matrix only: a norm's scale at 0 silences its layer, a memory gate's logit at 0
 * forgets half of the memory a token, rare tokens' embeddings would shrink between their appearances.
 *
 * @param path a parameter's path, of which any part may name one of these
 * @param parameter any shape; [rows, columns] or more axes make it a matrix
 */
export function decaysByDefault(path: string, parameter: Tensor): boolean {
  return parameter.ndim >= 2 && !path.split(".").some((name) => notDecayed.test(name));
}

/**
 * The matrices between features inside a network: what decays by default, without the output head.
 *
 * Orthogonalised updates suit these; embeddings, heads and vectors are usually left to AdamW.
 *
 * @param path a parameter's path
 * @param parameter any shape; [rows, columns] or more axes make it a matrix
 */
export function hiddenMatrices(path: string, parameter: Tensor): boolean {
  return decaysByDefault(path, parameter) && !/(^|\.)head$/i.test(path);
}

/**
 * The optimiser that moves every parameter by the rule chosen for it, and lets weights decay.
 *
 * $$p_t = p_{t-1} - \eta\,(d_t + \lambda\,p_{t-1}) = (1 - \eta\lambda)\,p_{t-1} - \eta\,d_t$$
 *
 * @param name the optimiser's name
 * @param ruleOf the rule of a parameter: the same one in every step
 * @param decay lambda, 0 by default, and which parameters it acts on
 * @throws ConfigError if the decay is negative
 */
export function ruleOptimizer<S extends RuleState = RuleState>(
  name: string,
  ruleOf: (path: string, parameter: Tensor) => ParameterRule,
  { weightDecay = 0, decays = decaysByDefault }: DecayOptions = {},
): Optimizer<S> {
  checkNotNegative({ weightDecay });
  return {
    name,

    init(params) {
      return scope(() => {
        const table: SlotTable = new Map();
        for (const [path, parameter] of namedLeaves(params)) {
          for (const [slot, start] of Object.entries(ruleOf(path, parameter).slots))
            enter(table, slot, path, start(parameter));
        }
        return stateOf<S>(np.zeros([]), table);
      });
    },

    update(params, gradients, state, learningRate) {
      return scope(() => {
        const step = np.add(state.step, 1);
        const given = namedLeaves(zipTrees((_, gradient) => gradient, params, gradients));
        const before = tableOf(state);
        const after: SlotTable = new Map();
        const updated = mapTree(params, (parameter, path) => {
          const rule = ruleOf(path, parameter);
          const slots = slotsOf(before, rule, path);
          const result = rule.step(given.get(path)!, slots, { parameter, step, learningRate });
          for (const [slot, value] of Object.entries(result.slots)) enter(after, slot, path, value);
          const { direction, scale } = result;
          const rate = scale === undefined ? learningRate : np.multiply(learningRate, scale);
          const isDecayed = decays(path, parameter) && weightDecay > 0;
          const kept = np.subtract(1, np.multiply(learningRate, weightDecay));
          return np.subtract(isDecayed ? np.multiply(parameter, kept) : parameter, np.multiply(direction, rate));
        });
        return [updated, stateOf<S>(step, after)];
      });
    },
  };
}

/** Tensors by slot and by their parameter's path. */
type SlotTable = Map<string, Map<string, Tensor>>;

function enter(table: SlotTable, slot: string, path: string, value: Tensor): void {
  table.set(slot, (table.get(slot) ?? new Map<string, Tensor>()).set(path, value));
}

function tableOf({ step, ...slots }: RuleState): SlotTable {
  return new Map(Object.entries(slots).map(([slot, tree]) => [slot, namedLeaves(tree)]));
}

function stateOf<S extends RuleState>(step: Tensor, table: SlotTable): S {
  const trees = Object.fromEntries([...table].map(([slot, values]) => [slot, treeOf(values)]));
  return { step, ...trees } as unknown as S;
}

function slotsOf(table: SlotTable, rule: ParameterRule, path: string): Slots {
  return Object.fromEntries(
    Object.keys(rule.slots).map((slot) => {
      const value = table.get(slot)?.get(path);
      if (value === undefined)
        throw new ShapeError(`the optimizer's state has no ${slot} for "${path}": it belongs to other parameters`);
      return [slot, value];
    }),
  );
}

/** A slot that starts at zero and is shaped like its parameter. */
export function zeros(parameter: Tensor): Tensor {
  return np.zerosLike(parameter);
}
