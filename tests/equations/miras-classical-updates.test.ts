import { describe, expect, it } from "vitest";
import { jit, np, readSync, scope, slice, type Tensor } from "../../src/array/index.ts";
import { deltaUpdate, hebbianUpdate } from "../../src/miras/index.ts";
import { ConfigError } from "../../src/utils/index.ts";
import { describeNative } from "../array/native/support.ts";
import { expectClose, toNumbers, toTensor } from "../common/tensors.ts";
import { distance, exactly, expectDerivatives } from "../miras/exact.ts";
import { example, squaredErrorGradient, threeTokens } from "../miras/retention-cases.ts";
import {
  addMatrix,
  identity,
  type Matrix,
  matMul,
  outer,
  randomSource,
  scaleMatrix,
  transpose,
} from "../oracles/index.ts";

const { weights, key, value } = example;
const random = randomSource(801);

/** W diag(a). */
const columnsScaled = (matrix: Matrix, factors: number[]) => matrix.map((row) => row.map((x, j) => x * factors[j]!));

describe("the Hebbian family", () => {
  it("MIRAS Eq. 8: hebbianUpdate adds the pair to what a share, key channels or value channels keep", () => {
    scope(() => {
      const step = (retain: Tensor | number) =>
        hebbianUpdate(toTensor(weights), toTensor(key), toTensor(value), retain);
      expectClose(step(0.9), [
        [1.05, -0.18, 0.89],
        [-0.03, 0.36, -0.94],
      ]);
      // Gated linear attention: one share a key channel.
      expectClose(step(toTensor([[0.9, 0.5, 0.7]])), [
        [1.05, -0.1, 0.87],
        [-0.03, 0.2, -0.82],
      ]);
      expectClose(
        step(toTensor([[0.5], [0]])),
        addMatrix(
          [
            [0.25, -0.1, 0.05],
            [0, 0, 0],
          ],
          outer(value, key),
        ),
      );
      // HGRN2 ties the key to what the channels forget.
      expectClose(
        hebbianUpdate(toTensor(weights), toTensor([0.1, 0.5, 0.3]), toTensor(value), toTensor([[0.9, 0.5, 0.7]])),
        [
          [0.55, 0.4, 0.37],
          [0.22, -0.05, -0.57],
        ],
      );
    });
  });

  it("MIRAS Eq. 8: hebbianUpdate is where -2 <Wk, v> + |W - alpha W'|^2 is level, and grows without bound if all is kept", () => {
    scope(() => {
      const next = toNumbers(hebbianUpdate(toTensor(weights), toTensor(key), toTensor(value), 0.7)) as Matrix;
      const slope = addMatrix(
        scaleMatrix(-2, outer(value, key)),
        scaleMatrix(2, addMatrix(next, scaleMatrix(-0.7, weights))),
      );
      expectClose(slope, scaleMatrix(0, weights));

      const repeated = (retain: number, tokens: number) => {
        let memory = np.zeros([2, 3]);
        for (let t = 0; t < tokens; t++) memory = hebbianUpdate(memory, toTensor(key), toTensor(value), retain);
        return Math.hypot(...readSync(memory));
      };
      expect(repeated(1, 40) / repeated(1, 10)).toBeCloseTo(4, 4);
      expect(repeated(0.5, 40) / repeated(0.5, 10)).toBeCloseTo(1, 2);
    });
  });

  it("MIRAS Eq. 8: hebbianUpdate over tokens is the sum of their pairs, faded by what came after", () => {
    scope(() => {
      const [keys, values] = [random.normalMatrix(6, 3), random.normalMatrix(6, 2)];
      const retain = random.uniformVector(6, 0.5, 1);
      let memory = toTensor(weights);
      let expected: Matrix = weights;
      for (let t = 0; t < 6; t++) {
        memory = hebbianUpdate(memory, toTensor(keys[t]!), toTensor(values[t]!), retain[t]!);
        expected = addMatrix(scaleMatrix(retain[t]!, expected), outer(values[t]!, keys[t]!));
      }
      expectClose(memory, expected);
    });
  });
});

describe("the delta family", () => {
  const step = (retain: number, stepSize: number, gradientAt?: "decayed" | "previous") =>
    deltaUpdate(toTensor(weights), toTensor(key), toTensor(value), { retain, stepSize }, gradientAt);

  it("MIRAS Eq. 9: deltaUpdate corrects the answer of the faded weights, or that of the weights before; they differ unless all is kept", () => {
    scope(() => {
      const decayed = [
        [0.6474, -0.18, 0.3532],
        [0.201, 0.36, -0.632],
      ];
      const previous = [
        [0.636, -0.18, 0.338],
        [0.21, 0.36, -0.62],
      ];
      expectClose(step(0.9, 0.5), decayed);
      expectClose(step(0.9, 0.5, "previous"), previous);
      expect(distance(decayed, previous)).toBeGreaterThan(0.01);
      const deltaNet = [
        [0.686, -0.2, 0.348],
        [0.24, 0.4, -0.68],
      ];
      expectClose(step(1, 0.5), deltaNet);
      expectClose(step(1, 0.5, "previous"), deltaNet);
    });
  });

  it("MIRAS Eq. 9: deltaUpdate is the printed transition once it stands on the side of the keys, and the left form only of the transposed memory", () => {
    scope(() => {
      const square = random.normalMatrix(3, 3);
      const [k, v] = [random.normalVector(3), random.normalVector(3)];
      const erase = addMatrix(identity(3), scaleMatrix(-0.4, outer(k, k)));
      const right = addMatrix(scaleMatrix(0.8, matMul(square, erase)), scaleMatrix(0.4, outer(v, k)));
      const actual = deltaUpdate(toTensor(square), toTensor(k), toTensor(v), { retain: 0.8, stepSize: 0.4 });
      expectClose(actual, right);
      const left = addMatrix(scaleMatrix(0.8, matMul(erase, transpose(square))), scaleMatrix(0.4, outer(k, v)));
      expectClose(transpose(toNumbers(actual) as Matrix), left);
      const printed = addMatrix(scaleMatrix(0.8, matMul(erase, square)), outer(v, k));
      expect(distance(toNumbers(actual), printed)).toBeGreaterThan(0.1);
    });
  });

  it("MIRAS Eq. 9: deltaUpdate with a whole step at a unit key stores the value exactly, and a second time changes nothing", () => {
    scope(() => {
      const once = step(1, 1);
      expectClose(np.matmul(once, toTensor(key)), value);
      expectClose(deltaUpdate(once, toTensor(key), toTensor(value), { stepSize: 1 }), once);
      expect(distance(toNumbers(once), weights)).toBeGreaterThan(0.1);
    });
  });

  it("MIRAS Eq. 9: deltaUpdate has gates for channels of keys and of values, in both forms", () => {
    scope(() => {
      const [retain, stepSize] = [
        [0.9, 0.5, 0.7],
        [0.3, 0.6],
      ];
      const gates = { retain: toTensor([retain]), stepSize: toTensor(stepSize.map((x) => [x])) };
      for (const gradientAt of ["decayed", "previous"] as const) {
        const faded = columnsScaled(weights, retain);
        const gradient = squaredErrorGradient(gradientAt === "decayed" ? faded : weights, key, value);
        const expected = faded.map((row, i) => row.map((x, j) => x - stepSize[i]! * gradient[i]![j]!));
        expectClose(deltaUpdate(toTensor(weights), toTensor(key), toTensor(value), gates, gradientAt), expected);
      }
    });
  });

  it("MIRAS Eq. 9: deltaUpdate over the reference's three tokens, compiled", () => {
    scope(() => {
      const { keys, values, retain, stepSize } = threeTokens;
      const step = jit((memory: Tensor, k: Tensor, v: Tensor, gates: { retain: Tensor; stepSize: Tensor }) =>
        deltaUpdate(memory, k, v, gates, "previous"),
      );
      let memory = toTensor(weights);
      for (let t = 0; t < 3; t++) {
        const gates = { retain: toTensor(retain[t]!), stepSize: toTensor(stepSize[t]!) };
        memory = step(memory, slice(toTensor(keys), t), slice(toTensor(values), t), gates);
      }
      expectClose(memory, [
        [0.19908672, -0.20438896, 0.106096],
        [0.1619808, 0.3024256, -0.42256],
      ]);
    });
  });

  it("MIRAS Eq. 9: deltaUpdate refuses a gradient point that does not exist", () => {
    scope(() => {
      expect(() => step(1, 1, "next" as never)).toThrow(ConfigError);
    });
  });
});

describeNative("the classical updates in float64", () => {
  it("MIRAS Eq. 9: deltaUpdate takes the gradient of half the squared error at its point, to 1e-15", async () => {
    for (const gradientAt of ["decayed", "previous"] as const) {
      const actual = await exactly(
        (w, k, v) => deltaUpdate(w!, k!, v!, { retain: 0.9, stepSize: 0.5 }, gradientAt),
        weights,
        key,
        value,
      );
      const faded = scaleMatrix(0.9, weights);
      const gradient = squaredErrorGradient(gradientAt === "decayed" ? faded : weights, key, value);
      expect(distance(actual, addMatrix(faded, scaleMatrix(-0.5, gradient)))).toBeLessThan(1e-15);
    }
  });

  it("MIRAS Eq. 8; MIRAS Eq. 9: hebbianUpdate and deltaUpdate have the derivatives of differences", async () => {
    const args = [weights, key, value, [[0.9, 0.5, 0.7]], [[0.3], [0.6]]];
    await expectDerivatives((w, k, v, retain) => hebbianUpdate(w!, k!, v!, retain!), args.slice(0, 4));
    for (const gradientAt of ["decayed", "previous"] as const)
      await expectDerivatives(
        (w, k, v, retain, stepSize) => deltaUpdate(w!, k!, v!, { retain: retain!, stepSize: stepSize! }, gradientAt),
        args,
      );
  });
});
