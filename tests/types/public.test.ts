/** The types of the public layers, steps and configurations: the compiler checks what is right and, by the `@ts-expect-error` lines, what is wrong. */
import { expectTypeOf, it } from "vitest";
import type { Engine, Key, Program, Tensor, Tree } from "../../src/array/index.ts";
import { type Block, type SequenceLayer, Stream, type StreamState } from "../../src/common/index.ts";
import {
  type AssociativeMemoryConfig,
  type AttentionalBias,
  associativeMemory,
  MirasMemory,
  type MirasMemoryParams,
  type MirasMemoryState,
  yaadSettings,
} from "../../src/miras/index.ts";
import {
  type ClassifierState,
  type ForecasterState,
  LanguageModel,
  type ModelParams,
  type ModelState,
  type SequenceClassifier,
  type SequenceForecaster,
} from "../../src/models/index.ts";
import type { ContinuumMemory, SelfModifyingTitans } from "../../src/nl/index.ts";
import { adamW, type Optimizer } from "../../src/optim/index.ts";
import {
  type MemoryState,
  memoryUpdate,
  NeuralMemory,
  type NeuralMemoryParams,
  type NeuralMemoryState,
} from "../../src/titans/index.ts";

it("every layer and model is a sequence layer of its own parameters and state", () => {
  expectTypeOf<NeuralMemory>().toExtend<SequenceLayer<NeuralMemoryParams, NeuralMemoryState>>();
  expectTypeOf<LanguageModel>().toExtend<SequenceLayer<ModelParams, ModelState>>();
  expectTypeOf<MirasMemory>().toExtend<SequenceLayer<MirasMemoryParams, MirasMemoryState>>();
  expectTypeOf<SequenceClassifier["step"]>().returns.toEqualTypeOf<[Tensor, ClassifierState]>();
  expectTypeOf<SequenceForecaster["step"]>().returns.toEqualTypeOf<[Tensor, ForecasterState]>();
  expectTypeOf<SelfModifyingTitans["step"]>().parameter(2).toEqualTypeOf<Tensor>();
  expectTypeOf<ContinuumMemory["step"]>().parameter(2).toEqualTypeOf<Tensor>();
  expectTypeOf<NeuralMemory["init"]>().toEqualTypeOf<(key: Key) => NeuralMemoryParams>();
  expectTypeOf<NeuralMemory["step"]>().returns.toEqualTypeOf<[Tensor, NeuralMemoryState]>();
  expectTypeOf<LanguageModel["step"]>().returns.toEqualTypeOf<[Tensor, ModelState]>();
});

it("a configuration names what it needs, and nothing else", () => {
  const refused = () => [
    // @ts-expect-error: a memory needs to know its heads
    new NeuralMemory({ dim: 8, headDim: 4 }),
    // @ts-expect-error: no such option
    new NeuralMemory({ dim: 8, heads: 2, headDim: 4, chunk: 4 }),
    // @ts-expect-error: no such guard
    new NeuralMemory({ dim: 8, heads: 2, headDim: 4, stepGuard: "strong" }),
    // @ts-expect-error: no such architecture
    new LanguageModel({ architecture: "titans-mic", dim: 8 }),
    // @ts-expect-error: the settings of a model without its sizes
    new MirasMemory({ ...yaadSettings }),
    // @ts-expect-error: an l_p bias has an exponent
    associativeMemory({ ...plainChoices, bias: { kind: "lp", smooth: false } }),
    // @ts-expect-error: a bias of one's own has a loss
    associativeMemory({ ...plainChoices, bias: { name: "mine", thresholded: false } }),
  ];
  expectTypeOf(refused).toBeFunction();
});

const plainChoices: Omit<AssociativeMemoryConfig, "bias"> = {
  architecture: { kind: "matrix" },
  retention: { kind: "none" },
  algorithm: { kind: "gradientDescent", gradientPoint: "chunk" },
  dim: 4,
};

it("a bias is one by its name or one's own", () => {
  expectTypeOf<AttentionalBias>().toExtend<AssociativeMemoryConfig["bias"]>();
  expectTypeOf<{ kind: "l2"; scale: "half" }>().toExtend<AssociativeMemoryConfig["bias"]>();
  expectTypeOf<AttentionalBias["loss"]>().returns.toEqualTypeOf<Tensor>();
});

it("states cannot be mixed up, nor changed", () => {
  expectTypeOf(memoryUpdate).returns.toEqualTypeOf<MemoryState>();
  expectTypeOf<NeuralMemoryState>().toExtend<MemoryState>();
  expectTypeOf<ModelState>().not.toExtend<NeuralMemoryState>();
  const refused = (layer: NeuralMemory, params: NeuralMemoryParams, state: NeuralMemoryState, x: Tensor) => {
    // @ts-expect-error: the state stands before the input
    layer.step(params, x, state);
    // @ts-expect-error: a state is never written to
    state.tail = x;
    // @ts-expect-error: parameters of a model are not those of a layer
    layer.initialState({ embedding: x }, 1);
  };
  expectTypeOf(refused).toBeFunction();
});

it("a stream has its layer's types, and a program those of its function", () => {
  const compiled = (engine: Engine) => engine.compile("sum", (x: Tensor, y: Tensor): Tensor => x ?? y);
  expectTypeOf(compiled).returns.toExtend<Program<[Tensor, Tensor], Tensor>>();
  const streamed = (engine: Engine, layer: NeuralMemory) => new Stream(engine, layer, { chunk: 16, segment: 64 });
  expectTypeOf(streamed).returns.toEqualTypeOf<Stream<NeuralMemoryParams, NeuralMemoryState>>();
  expectTypeOf<Stream<NeuralMemoryParams, NeuralMemoryState>["push"]>().returns.resolves.toEqualTypeOf<
    [y: Block, state: StreamState<NeuralMemoryState>]
  >();
});

it("an optimiser moves any tree of parameters", () => {
  expectTypeOf(adamW).returns.toExtend<Optimizer>();
  const moved = (optimizer: Optimizer, params: NeuralMemoryParams, state: Tree, rate: Tensor) =>
    optimizer.update(params, params, state, rate);
  expectTypeOf(moved).returns.toEqualTypeOf<[params: NeuralMemoryParams, state: Tree]>();
});
