/** Groups of parameters with optimisers of their own, against one plain loop a parameter. */
import { expect, it } from "vitest";
import { jit, liveTensors, namedLeaves, np, readSync, release, scope, treeOf } from "../../src/array/index.ts";
import { adamW, hiddenMatrices, momentum, muon, sgd, withGroups } from "../../src/optim/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { describeNative } from "../array/native/support.ts";
import * as oracle from "../oracles/index.ts";
import { expectedTrajectory, expectSameTrajectory, shapes, trajectory } from "./trajectories.ts";

const isEmbedding = (path: string) => path === "embedding";
const isFirstBlock = (path: string) => path.startsWith("blocks.0.");

describeNative("withGroups in float64", () => {
  it("withGroups moves each group by its own optimizer, decay and scale of the learning rate, and the rest by another", async () => {
    const numbers = { beta1: 0.8, beta2: 0.9, epsilon: 1e-6 };
    const all = () => true;
    const optimizer = withGroups(
      [
        { group: isEmbedding, optimizer: adamW({ ...numbers, weightDecay: 0.2, decays: all }), learningRateScale: 0.1 },
        { group: isFirstBlock, optimizer: momentum({ momentum: 0.7, weightDecay: 0 }) },
        // Takes what is taken already, and so gets the rest of it.
        { group: (path) => path.startsWith("blocks."), optimizer: sgd({ weightDecay: 0.3 }), learningRateScale: 2 },
      ],
      adamW({ ...numbers, weightDecay: 0 }),
    );
    const expected = expectedTrajectory(0.3, (path, facts) => {
      const undecayed = { ...facts, weightDecay: 0 };
      if (isEmbedding(path)) {
        const step = oracle.adamStepper({ ...facts, weightDecay: 0.2 }, numbers);
        return (p, g, rate) => step(p, g, 0.1 * rate);
      }
      if (isFirstBlock(path)) return oracle.momentumStepper(undecayed, 0.7);
      if (!path.startsWith("blocks.")) return oracle.adamStepper(undecayed, numbers);
      const step = oracle.sgdStepper(facts);
      return (p, g, rate) => step(p, g, 2 * rate);
    });
    expectSameTrajectory(await trajectory(optimizer), expected);
    expect(optimizer.name).toBe("adamw + momentum + sgd + adamw");
  });

  it("withGroups of Muon's matrices and AdamW for the rest is Muon", async () => {
    const [all, none] = [() => true, () => false];
    const settings = { momentum: 0.9, weightDecay: 0.3 };
    const optimizer = withGroups(
      [{ group: hiddenMatrices, optimizer: muon({ ...settings, matrices: all }) }],
      muon({ ...settings, matrices: none }),
    );
    expectSameTrajectory(await trajectory(optimizer), await trajectory(muon(settings)), 1e-12);
  });
});

it("withGroups goes on from a state that was saved and loaded by its paths, and leaks nothing", () => {
  const before = liveTensors();
  scope(() => {
    const optimizer = withGroups([{ group: isEmbedding, optimizer: sgd() }], momentum());
    const params = treeOf(new Map(Object.entries(shapes).map(([path, shape]) => [path, np.ones([...shape])])));
    const step = jit((state: ReturnType<typeof optimizer.init>) =>
      optimizer.update(params, params, state, np.array(0.1)),
    );
    const [, once] = step(optimizer.init(params));
    expect(namedLeaves(once).has("otherwise.momentum.blocks.1.output")).toBe(true);
    const loaded = treeOf(namedLeaves(once)) as typeof once;
    const numbers = (state: typeof once) =>
      [...namedLeaves(step(state)[0]).values()].map((leaf) => [...readSync(leaf)]);
    expect(numbers(loaded)).toEqual(numbers(once));
  });
  expect(liveTensors()).toBe(before);
});

it("withGroups refuses a group that takes nothing, and a negative scale", () => {
  const params = { weight: np.ones([2, 2]) };
  const wrong = withGroups([{ group: (path) => path === "wieght", optimizer: sgd() }], adamW());
  expect(() => wrong.init(params)).toThrow(/no parameter belongs to group 0 of the optimizer \(sgd\)/);
  const negative = { group: isEmbedding, optimizer: sgd(), learningRateScale: -1 };
  expect(() => withGroups([negative], adamW())).toThrow(ConfigError);
  release(params);
});
