export { AnswerPrograms, type WindowAnswers } from "./answer-programs.ts";
export {
  type CheckpointMeta,
  findCheckpoint,
  type LoadedCheckpoint,
  loadCheckpoint,
  loadTrainingState,
  readMeta as readCheckpointMeta,
  saveCheckpoint,
} from "./checkpoint.ts";
export { type TrainingConfig, type TrainingInput, trainingSchema } from "./config.ts";
export { doWork, type WorkHooks } from "./do-work.ts";
export { type EvaluationSplit, evaluationSplits, openEvaluationText } from "./evaluation-text.ts";
export { type FitMetrics, type FitOptions, fitModel } from "./fit-model.ts";
export { hasLoss, type LossEntry, type LossUnit, lossEntry, lossOf } from "./loss-entry.ts";
export { type MetricsLine, readMetrics, textCurve } from "./metrics-file.ts";
export { firstNonFinite } from "./non-finite.ts";
export { openRunIn } from "./open-run.ts";
export { type OptimizerChoice, optimizerSettings } from "./optimizer-choice.ts";
export { checkedRunConfig, type Run, type RunHooks, type RunSummary, resumeRun, startRun, trainRun } from "./run.ts";
export { mergeLayers, newRunConfig, type RunConfig, type RunLayer, runSchema } from "./run-config.ts";
export { newRunFolder, type RunFolder, runFolder, runFolderOf } from "./run-folder.ts";
export { runFacts, runLevels } from "./run-levels.ts";
export { type PoolEvent, type PoolOptions, type PoolRun, type PoolRunEnd, RunPool } from "./run-pool.ts";
export { readSegment, type Segment, SegmentPrograms, type SequenceGradients } from "./segment-programs.ts";
export { countTargets, segmentsOf } from "./segments.ts";
export {
  cutSegments,
  type ForecastWindows,
  forecastBatch,
  type LabelledSequence,
  labelledBatch,
  type SequenceBatch,
} from "./sequence-batches.ts";
export { type StackedRun, stackCheckpoint } from "./stack-checkpoint.ts";
export {
  type AnswerAccuracy,
  checkTraining,
  initialTrainingState,
  type StepMetrics,
  type TrainingState,
  type TrainOptions,
  train,
  type ValidationMetrics,
} from "./train.ts";
export {
  absoluteCorpus,
  corpusFingerprint,
  type OpenTrainingData,
  openTrainingData,
  type RunData,
  VALIDATION_SHARE,
} from "./training-data.ts";
export {
  type TrainingData,
  taskWindows,
  textWindows,
  type ValidationWindows,
  type WindowSource,
} from "./window-source.ts";
export { WorkerProcess } from "./worker-process.ts";
