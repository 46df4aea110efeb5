/** The registry of architectures: which mixer a block of each is built around. */
import type { Tree } from "../array/index.ts";
import { type SequenceLayer, windowAttentionLayer } from "../common/index.ts";
import { MirasMemory, tableRow, tableRowNames } from "../miras/index.ts";
import { SelfModifyingTitans } from "../nl/index.ts";
import {
  LongTermMemory,
  MemoryAsContext,
  MemoryAsGate,
  MemoryAsLayer,
  NeuralMemory,
  type NeuralMemoryInput,
} from "../titans/index.ts";
import type { ArchitectureName, StackConfig } from "./config.ts";
import { selfModifyingOf } from "./hope-config.ts";
import { type MirasArchitectureName, mirasSettings } from "./miras-config.ts";

/** One architecture of the registry. */
export interface Architecture {
  /** One line for listings. */
  readonly summary: string;
  /** Where it comes from. */
  readonly source: string;
  /** The sequence mixer of a block, or of a block with a memory where only some have one. */
  mixer(config: StackConfig): SequenceLayer<Tree, Tree>;
}

/** All architectures by name. */
export const architectures: Readonly<Record<ArchitectureName, Architecture>> = {
  "titans-lmm": {
    summary: "neural memory alone: a deep memory a head, written by gradient descent while the text is read",
    source: "Titans (arXiv:2501.00663), section 4.3 (LMM)",
    mixer: (config) => {
      const memory = memoryOf(config);
      const { persistentTokens } = config;
      if (persistentTokens === 0) return mixerOf(new NeuralMemory(memory));
      return mixerOf(new LongTermMemory({ memory, persistentTokens }));
    },
  },
  "titans-mac": {
    summary: "memory as context: a segment attends to what the memory recalls for it, and is then written",
    source: "Titans (arXiv:2501.00663), section 4.1 (MAC)",
    mixer: (config) => {
      const { heads, contextSegment, persistentTokens, gate, read } = config;
      const attention = { attentionHeads: heads, segment: contextSegment };
      return mixerOf(new MemoryAsContext({ memory: memoryOf(config), ...attention, persistentTokens, gate, read }));
    },
  },
  "titans-mag": {
    summary: "memory as gate: sliding-window attention beside the memory, joined by a gate",
    source: "Titans (arXiv:2501.00663), section 4.2 (MAG)",
    mixer: (config) => {
      const { heads, window, persistentTokens, gate } = config;
      const attention = { attentionHeads: heads, window };
      return mixerOf(new MemoryAsGate({ memory: memoryOf(config), ...attention, persistentTokens, gate }));
    },
  },
  "titans-mal": {
    summary: "memory as layer: the memory first, then sliding-window attention over what it puts out",
    source: "Titans (arXiv:2501.00663), section 4.3 (MAL)",
    mixer: (config) => {
      const { heads, window, persistentTokens, visiblePrefix } = config;
      const attention = { attentionHeads: heads, window };
      return mixerOf(new MemoryAsLayer({ memory: memoryOf(config), ...attention, persistentTokens, visiblePrefix }));
    },
  },
  transformer: {
    summary: "sliding-window attention with rotary positions: the baseline",
    source: "Titans (arXiv:2501.00663), Eq. 1-2 in a sliding window",
    mixer: windowMixer,
  },
  hope: {
    summary: "self-modifying Titans, then networks that learn at several frequencies while the text is read",
    source: "Nested Learning (arXiv:2512.24695), Eq. 94-97",
    mixer: (config) => mixerOf(new SelfModifyingTitans(selfModifyingOf(config))),
  },
  "hope-attention": {
    summary: "sliding-window attention, then networks that learn at several frequencies while the text is read",
    source: "Nested Learning (arXiv:2512.24695), Eq. 97",
    mixer: windowMixer,
  },
  moneta: mirasArchitecture("moneta", "l_p bias and retention by an l_q norm: a 2-layer memory", "Eq. 24-25"),
  yaad: mirasArchitecture("yaad", "Huber bias and retention by decay: a 2-layer memory", "Eq. 26"),
  memora: mirasArchitecture("memora", "squared error and retention by relative entropy: a 2-layer memory", "Eq. 27"),
  miras: mirasArchitecture("miras", "any combination of the four choices: see the section miras", "section 3"),
  ...rowArchitectures(),
};

function mirasArchitecture(name: MirasArchitectureName, summary: string, source: string): Architecture {
  return {
    summary,
    source: `MIRAS (arXiv:2504.13173), ${source}`,
    mixer: (config) => {
      const { dim, heads, miras } = config;
      const settings = mirasSettings(name, heads, miras);
      if (settings === undefined) return windowMixer(config);
      return mixerOf(new MirasMemory({ ...settings, dim, heads, headDim: dim / heads }));
    },
  };
}

type RowArchitectureName = Extract<ArchitectureName, `miras:${string}`>;

/** Every row of Table 1. */
function rowArchitectures(): Record<RowArchitectureName, Architecture> {
  const entries = tableRowNames.map((row) => {
    const { title, columns } = tableRow(row);
    const { memory, bias, retention, algorithm } = columns;
    const summary = `${title}: ${memory}, ${bias}, retention ${retention}, ${algorithm}`;
    return [`miras:${row}`, mirasArchitecture(`miras:${row}`, summary, "Table 1")] as const;
  });
  return Object.fromEntries(entries) as Record<RowArchitectureName, Architecture>;
}

/** The mixer of one block: the architecture's, or window attention where the configuration gives the block no memory. */
export function blockMixer(config: StackConfig, block: number): SequenceLayer<Tree, Tree> {
  const { architecture, neuralMemoryLayers } = config;
  const hasMemory = neuralMemoryLayers?.includes(block) ?? true;
  return hasMemory ? architectures[architecture].mixer(config) : windowMixer(config);
}

function windowMixer({ dim, heads, window }: StackConfig): SequenceLayer<Tree, Tree> {
  return mixerOf(windowAttentionLayer({ dim, heads, window }));
}

function memoryOf({ dim, heads, memory }: StackConfig): NeuralMemoryInput {
  return { dim, heads, headDim: dim / heads, ...memory };
}

/** Blocks pass parameters and states on without looking into them. */
function mixerOf<P extends Tree, S extends Tree>(layer: SequenceLayer<P, S>): SequenceLayer<Tree, Tree> {
  return layer as unknown as SequenceLayer<Tree, Tree>;
}
