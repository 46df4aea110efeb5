/** What makes a program run on another engine. */
import { EngineError } from "../../utils/index.ts";

/** A program holds an operation that this engine does not compute. */
export class UnsupportedPrimitive extends EngineError {
  /**
   * @param primitive its name in the traced program
   * @param reason what about it is not computed, where some of its forms are
   */
  constructor(primitive: string, reason?: string) {
    super(`the native engine does not compute "${primitive}"${reason === undefined ? "" : `: ${reason}`}`);
  }
}
