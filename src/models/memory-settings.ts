/** What evaluations ask of a model's memory, whichever section of its configuration says it. */
import type { StackConfig } from "./config.ts";
import { continuumOf } from "./hope-config.ts";
import { isMirasArchitecture, mirasSettings } from "./miras-config.ts";

/** Tokens of the memory's chunks. */
export function memoryChunkSize({ architecture, heads, memory, miras, selfModifying }: StackConfig): number {
  if (architecture === "hope") return selfModifying.chunkSize;
  if (!isMirasArchitecture(architecture)) return memory.chunkSize;
  return mirasSettings(architecture, heads, miras)?.chunkSize ?? 1;
}

/** Whether the memory may be written at all: its step size can be above 0. */
export function mayWrite({ architecture, heads, memory, miras, selfModifying }: StackConfig): boolean {
  if (architecture === "hope") return selfModifying.maxStepSize > 0;
  if (!isMirasArchitecture(architecture)) return memory.maxStepSize > 0;
  const settings = mirasSettings(architecture, heads, miras);
  if (settings === undefined) return false;
  const { stepSize } = settings.gates;
  return stepSize.kind === "fixed" ? [stepSize.value].flat().some((step) => step > 0) : settings.maxStepSize > 0;
}

/** The same model whose memories are never written and which learns nothing while it reads: the control that says whether writing pays. */
export function withoutWrites<C extends StackConfig>(config: C): C {
  const continuum = continuumOf(config);
  return {
    ...withoutMemoryWrites(config),
    ...(continuum && { continuum: { ...continuum, stepSize: 0 } }),
  };
}

function withoutMemoryWrites<C extends StackConfig>(config: C): C {
  const { architecture, memory, miras = {}, selfModifying } = config;
  if (architecture === "hope") return { ...config, selfModifying: { ...selfModifying, maxStepSize: 0 } };
  if (!isMirasArchitecture(architecture)) return { ...config, memory: { ...memory, maxStepSize: 0 } };
  return { ...config, miras: { ...miras, gates: { ...miras.gates, stepSize: { kind: "fixed", value: 0 } } } };
}
