/** What evaluations ask of a model's memory, whichever section of its configuration says it. */
import type { StackConfig } from "./config.ts";
import { isMirasArchitecture, mirasSettings } from "./miras-config.ts";

/** Tokens of the memory's chunks. */
export function memoryChunkSize({ architecture, heads, memory, miras }: StackConfig): number {
  if (!isMirasArchitecture(architecture)) return memory.chunkSize;
  return mirasSettings(architecture, heads, miras)?.chunkSize ?? 1;
}

/** Whether the memory may be written at all: its step size can be above 0. */
export function mayWrite({ architecture, heads, memory, miras }: StackConfig): boolean {
  if (!isMirasArchitecture(architecture)) return memory.maxStepSize > 0;
  const settings = mirasSettings(architecture, heads, miras);
  if (settings === undefined) return false;
  const { stepSize } = settings.gates;
  return stepSize.kind === "fixed" ? [stepSize.value].flat().some((step) => step > 0) : settings.maxStepSize > 0;
}

/** The same model whose memory is never written: the control that says whether writing pays. */
export function withoutWrites<C extends StackConfig>(config: C): C {
  if (!isMirasArchitecture(config.architecture)) return { ...config, memory: { ...config.memory, maxStepSize: 0 } };
  const { miras = {} } = config;
  return { ...config, miras: { ...miras, gates: { ...miras.gates, stepSize: { kind: "fixed", value: 0 } } } };
}
