/** One process, one sequence length: prints step time, compile time and peak WebAssembly memory as JSON. */
const memories: WebAssembly.Memory[] = [];
const NativeMemory = WebAssembly.Memory;
WebAssembly.Memory = class extends NativeMemory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    super(descriptor);
    memories.push(this);
  }
};

// The array library takes its memory when it is loaded, so it must be loaded after the line above.
const { leaves, mapTree, np, release, scope, startEngine } = await import("../src/array/index.ts");
const { LanguageModel, defaultPreset, nextTokenLoss, presetNamed } = await import("../src/models/index.ts");
const { initialTrainingState, SegmentPrograms, segmentsOf, trainingSchema } = await import("../src/training/index.ts");
const { counterRandom, memoryTokens, sampleWindows } = await import("../src/data/index.ts");

/** What the parent reads. */
export interface LengthMeasurement {
  readonly stepMs: number;
  readonly compileMs: number;
  readonly peakMiB: number;
  readonly boundaryMiB: number;
}

const SOURCE_TOKENS = 16_384;
const length = Number(process.argv[2]);
const steps = length > 1000 ? 2 : 8;
const engine = await startEngine("wasm");
const preset = presetNamed(defaultPreset);
const model = new LanguageModel(preset.model);
const config = trainingSchema.parse({ ...preset.training, length, batch: 1 });
const source = memoryTokens(Int32Array.from({ length: SOURCE_TOKENS }, (_, i) => Math.floor(counterRandom(i) * 256)));
const { params } = initialTrainingState(model, config);
const programs = new SegmentPrograms(engine, model, nextTokenLoss);

async function trainingStep(step: number): Promise<void> {
  const segments = segmentsOf(sampleWindows(source, { batch: 1, length, seed: 0, step }), config.segment);
  const zeros = scope(() => mapTree(params, (leaf) => np.zerosLike(leaf)));
  const { gradients } = await programs.gradients(params, segments, 1 / length, zeros);
  release(gradients, segments);
}

const start = performance.now();
await trainingStep(0);
const firstMs = performance.now() - start;
const begin = performance.now();
for (let step = 1; step <= steps; step++) await trainingStep(step);
const stepMs = (performance.now() - begin) / steps;

const state = model.initialState(params, 1);
const stateBytes = leaves(state).reduce((total, leaf) => total + leaf.size * 4, 0);
const measurement: LengthMeasurement = {
  stepMs,
  compileMs: firstMs - stepMs,
  peakMiB: Math.max(...memories.map((memory) => memory.buffer.byteLength)) / 2 ** 20,
  boundaryMiB: (stateBytes * (length / config.segment)) / 2 ** 20,
};
console.log(JSON.stringify(measurement));
