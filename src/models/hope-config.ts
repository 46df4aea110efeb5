/** The architectures of Nested Learning: which they are, their memory's section of a configuration, and what follows their mixers. */
import { z } from "zod";
import { memoryActivations } from "../common/index.ts";
import {
  erasedLayers,
  memoryTargets,
  optionalMemories,
  readStates,
  type SelfModifyingInput,
  selfModifyingDefaults,
  selfModifyingForms,
  selfModifyingGuards,
  selfModifyingRules,
} from "../nl/index.ts";
import { type ContinuumConfig, continuumSchema } from "./continuum-config.ts";

const whole = z.int().min(1);
const defaults = selfModifyingDefaults;

/** The self-modifying memories of `hope`; see `SelfModifyingConfig` for what each entry means. */
export const selfModifyingSchema = z.strictObject({
  memory: z.enum(selfModifyingForms).default(defaults.memory),
  expansion: z.number().positive().default(defaults.expansion),
  activation: z.enum(memoryActivations).default(defaults.activation),
  chunkSize: whole.default(defaults.chunkSize),
  projectionChunkSize: whole.default(defaults.projectionChunkSize),
  adaptiveQuery: z.boolean().default(defaults.adaptiveQuery),
  staticProjections: z.array(z.enum(optionalMemories)).default([]),
  readState: z.enum(readStates).default(defaults.readState),
  targets: z.enum(memoryTargets).default(defaults.targets),
  rule: z.enum(selfModifyingRules).default(defaults.rule),
  erase: z.boolean().default(defaults.erase),
  eraseLayers: z.enum(erasedLayers).default(defaults.eraseLayers),
  decay: z.boolean().default(defaults.decay),
  momentum: z.number().min(0).lt(1).default(defaults.momentum),
  normalizedStep: z.boolean().default(defaults.normalizedStep),
  stepGuard: z.enum(selfModifyingGuards).default(defaults.stepGuard),
  maxStepSize: z.number().min(0).default(defaults.maxStepSize),
  gateBiases: z
    .strictObject({
      stepSize: z.number().default(defaults.gateBiases.stepSize),
      retain: z.number().default(defaults.gateBiases.retain),
    })
    .default(defaults.gateBiases),
  normalizeValues: z.boolean().default(defaults.normalizeValues),
  convolutionKernel: whole.default(defaults.convolutionKernel),
});

/** Architectures of Nested Learning. */
export const hopeArchitectureNames = ["hope", "hope-attention"] as const;
export type HopeArchitectureName = (typeof hopeArchitectureNames)[number];

/** Whether an architecture is one of Nested Learning. */
export function isHopeArchitecture(name: string): name is HopeArchitectureName {
  return (hopeArchitectureNames as readonly string[]).includes(name);
}

/** Three levels, as the paper draws them: high, middle and low frequency. */
const usual: ContinuumConfig = continuumSchema.parse({ periods: [64, 128, 256] });

/** The continuum memory of a model's blocks; an architecture of Nested Learning has one whether it is written or not. */
export function continuumOf({
  architecture,
  continuum,
}: {
  readonly architecture: string;
  readonly continuum?: ContinuumConfig | undefined;
}): ContinuumConfig | undefined {
  return continuum ?? (isHopeArchitecture(architecture) ? usual : undefined);
}

/** The self-modifying layer of a model. */
export function selfModifyingOf(config: {
  readonly dim: number;
  readonly heads: number;
  readonly selfModifying: z.output<typeof selfModifyingSchema>;
}): SelfModifyingInput {
  const { dim, heads, selfModifying } = config;
  return { dim, heads, ...selfModifying };
}
