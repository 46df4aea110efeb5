/** Groups of parameters, each with an optimiser and settings of its own. */
import { mapTree, namedLeaves, np, scope, type Tensor, type Tree, treeOf, zipTrees } from "../array/index.ts";
import { ConfigError } from "../utils/index.ts";
import { checkNotNegative } from "./checks.ts";
import type { Optimizer, ParameterGroup } from "./optimizer.ts";

/** Some parameters, and what moves them. */
export interface OptimizedGroup {
  readonly group: ParameterGroup;
  readonly optimizer: Optimizer;
  /** What the learning rate is multiplied by for these parameters; 1 by default. */
  readonly learningRateScale?: number;
}

/** The state of each group's optimiser in the order of the groups, and that of the optimiser of all others. */
export type GroupedState = { readonly groups: readonly Tree[]; readonly otherwise: Tree };

/**
 * An optimiser that moves groups of parameters by optimisers of their own: without decay on norms, with a smaller learning rate on embeddings, by Muon for matrices.
 *
 * ```ts
 * const optimizer = withGroups(
 *   [{ group: (path) => path === "embedding", optimizer: adamW({ weightDecay: 0 }), learningRateScale: 0.1 }],
 *   adamW({ weightDecay: 0.1 }),
 * );
 * ```
 *
 * @param groups a parameter belongs to the first one that takes it
 * @param otherwise moves the parameters that no group takes
 * @throws ConfigError if a scale is negative; `init` also if no parameter belongs to a group
 */
export function withGroups(groups: readonly OptimizedGroup[], otherwise: Optimizer): Optimizer<GroupedState> {
  for (const { learningRateScale = 1 } of groups) checkNotNegative({ learningRateScale });
  const all: readonly Omit<OptimizedGroup, "group">[] = [...groups, { optimizer: otherwise }];

  /** The parameters of each group, then the others, by path. */
  function parts(params: Tree): Map<string, Tensor>[] {
    const found = all.map(() => new Map<string, Tensor>());
    for (const [path, parameter] of namedLeaves(params)) {
      const taking = groups.findIndex(({ group }) => group(path, parameter));
      found.at(taking)!.set(path, parameter); // -1, where no group takes it, is the last part.
    }
    return found;
  }

  return {
    name: all.map(({ optimizer }) => optimizer.name).join(" + "),

    init(params) {
      return scope(() => {
        const own = parts(params);
        const empty = groups.findIndex((_, i) => own[i]!.size === 0);
        if (empty >= 0)
          throw new ConfigError(
            `no parameter belongs to group ${empty} of the optimizer (${groups[empty]!.optimizer.name}); correct what it takes, or leave it out`,
          );
        return stateOf(own.map((part, i) => all[i]!.optimizer.init(treeOf(part))));
      });
    },

    update(params, gradients, state, learningRate) {
      return scope(() => {
        const given = namedLeaves(zipTrees((_, gradient) => gradient, params, gradients));
        const moved = new Map<string, Tensor>();
        const before = [...groups.map((_, i) => state.groups[i]), state.otherwise];
        const after = parts(params).map((part, i) => {
          const { optimizer, learningRateScale = 1 } = all[i]!;
          const own = treeOf(new Map([...part.keys()].map((path) => [path, given.get(path)!])));
          const rate = learningRateScale === 1 ? learningRate : np.multiply(learningRate, learningRateScale);
          const [updated, next] = optimizer.update(treeOf(part), own, before[i]!, rate);
          for (const [path, parameter] of namedLeaves(updated)) moved.set(path, parameter);
          return next;
        });
        return [mapTree(params, (_, path) => moved.get(path)!), stateOf(after)];
      });
    },
  };
}

function stateOf(states: readonly Tree[]): GroupedState {
  return { groups: states.slice(0, -1), otherwise: states.at(-1)! };
}
