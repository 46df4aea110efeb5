/** A model with a continuum memory as it is where nothing is learned. */
import { LanguageModel } from "./language-model.ts";

/**
 * The same model whose levels stand still, with the same parameters: what a model is that has read nothing, and where nobody tells it what came next.
 *
 * @returns the model itself if none of its levels learns
 */
export function standingStill(model: LanguageModel): LanguageModel {
  const { config } = model;
  if (model.learn === undefined || config.continuum === undefined) return model;
  const { continuum } = config;
  return new LanguageModel({ ...config, continuum: { ...continuum, periods: continuum.periods.map(() => null) } });
}
