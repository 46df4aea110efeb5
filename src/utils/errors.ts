/** Errors for people: each says what was wrong, what was expected, and what to do. */

/** Base of every error this library raises on purpose. The command line prints its message alone and exits with 2. */
export class NeuralMemoryError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An array has a shape the operation cannot work with. */
export class ShapeError extends NeuralMemoryError {}

/** A configuration value, preset name or option is unknown or out of range. */
export class ConfigError extends NeuralMemoryError {}

/** A corpus, tokenizer or text input cannot be used. */
export class DataError extends NeuralMemoryError {}

/** A checkpoint or memory file is damaged, foreign, or does not fit the model. */
export class CheckpointError extends NeuralMemoryError {}

/** An engine is unknown, not built yet, or cannot run here. */
export class EngineError extends NeuralMemoryError {}

/** An array was used after the lifetime that owned it had ended. */
export class UseAfterFreeError extends NeuralMemoryError {}

/** A loss, gradient or state stopped being finite during training. */
export class NonFiniteError extends NeuralMemoryError {
  /** The step that met it, or the token where a model learned while it read; 1 for the first. */
  readonly step: number;
  /** What holds such a number, such as `gradient "head"`. */
  readonly arrays: readonly string[];

  constructor(message: string, found: { readonly step: number; readonly arrays: readonly string[] }) {
    super(message);
    this.step = found.step;
    this.arrays = found.arrays;
  }
}

/** A package that only this feature needs is not installed. */
export class MissingPackageError extends NeuralMemoryError {}
