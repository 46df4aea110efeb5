export {
  type AdaptHooks,
  type AdaptJobOptions,
  type AdaptResult,
  adaptedState,
  adaptJob,
  resetAdaptation,
  sumOfScores,
} from "./adapt-job.ts";
export type { BinnedScore } from "./answer-bins.ts";
export { type CompareData, type ComparedModel, compareWarnings, gainOverOrder0, ranked } from "./compare-data.ts";
export {
  type CompareEvent,
  type CompareHooks,
  type CompareResult,
  compareJob,
  resumeCompareJob,
} from "./compare-job.ts";
export type { CompareOptions } from "./compare-plan.ts";
export { type MemoryCondition, memoryConditions } from "./condition-answers.ts";
export {
  type Arm,
  type BarsFigure,
  type Control,
  type Design,
  defineExperiment,
  type Experiment,
  type ExperimentDefinition,
  type ExperimentSize,
  experimentNamed,
  experimentNames,
  experiments,
  type Figure,
  Findings,
  type Judgement,
  type LinesFigure,
  type Measure,
  type SizedExperiment,
  type TaskMeasure,
  type TextMeasure,
  type Value,
  type Verdict,
} from "./experiments/index.ts";
export {
  type Fact,
  type FactRetention,
  factRetention,
  factRetentionDefaults,
  madeUpFacts,
  type RetentionCurve,
  type RetentionOptions as FactRetentionOptions,
} from "./fact-retention.ts";
export { type MeanInterval, meanInterval, overlap } from "./intervals.ts";
export { type LevelTrace, levelChanges, type TracedLevel, traceLevels } from "./level-trace.ts";
export { writeLevelsReport } from "./levels-report.ts";
export { type AdaptedModel, type LevelsReportData, measureLevels } from "./levels-report-data.ts";
export { type MainJobResult, mainJob, resumeMainJob } from "./main-job.ts";
export {
  type MainJobBudget,
  type MainJobEvent,
  type MainJobHooks,
  mainJobBudget,
  type StageEvent,
  type TrainedModel,
} from "./main-job-stages.ts";
export { type MeasureBudget, type Measured, type Measurements, measureModel } from "./measure-model.ts";
export {
  type ControlScore,
  type MemoryControls,
  memoryControls,
  withMemoryOf,
} from "./memory-controls.ts";
export {
  type LayerSummary,
  type LayerTrace,
  type MemoryTrace,
  MemoryTracer,
  summarizeTrace,
} from "./memory-trace.ts";
export type { MemoryWrites } from "./memory-writes.ts";
export { type MirasReportOptions, writeMirasReport } from "./miras-report.ts";
export type { MirasReportData } from "./miras-report-data.ts";
export {
  COMPARED_PRESET,
  COMPARED_SEEDS,
  COMPARED_STEPS,
  compareOptimizers,
  compareOptimizersOnToys,
  type OptimizerComparisonOptions,
  type OptimizerComparisonResult,
  resumeOptimizerComparison,
} from "./optimizer-comparison.ts";
export {
  type DivergedOptimizerRun,
  divergences,
  type FinishedOptimizerRun,
  type MeanOverSeeds,
  type OptimizerComparisonData,
  type OptimizerRun,
  type OptimizerSummary,
  type OptimizerTrainings,
  optimizerVerdict,
  summarizeOptimizers,
  tiedWithBest,
  withSpread,
} from "./optimizer-comparison-data.ts";
export { type ToyVerdict, toyVerdicts } from "./optimizer-toy-claims.ts";
export {
  measureOptimizerToys,
  type OptimizerToyData,
  type OptimizerToyOptions,
  type ToyFinding,
  type ToyResult,
} from "./optimizer-toys.ts";
export { bitsPerByte, type PairedDifference, pairedDifference, type WindowScores } from "./paired-scores.ts";
export { type ShareInterval, wilsonInterval } from "./proportion.ts";
export { type ReportPaths, writeReport } from "./report.ts";
export { type FinalValidation, type ReportData, reportWarnings } from "./report-data.ts";
export type { ExperimentData } from "./reproduction/experiment-data.ts";
export type { FoundPart } from "./reproduction/part.ts";
export { type ReproduceOptions, type ReproduceResult, reproduce } from "./reproduction/reproduce.ts";
export type { PartsEvent, ReproduceEvent, ReproduceHooks } from "./reproduction/train-missing.ts";
export {
  describeRow,
  describeRows,
  exactSentence,
  formSentence,
  type RowDescription,
  type RowSizes,
} from "./row-table.ts";
export { type RowTrainingOptions, type RowTrainingResult, resumeRowTraining, trainRows } from "./row-training.ts";
export {
  type FailedRow,
  failedChecks,
  type RowCheck,
  type RowResult,
  type RowTrainingData,
  rowChecks,
  smallestGate,
  type TrainedRow,
} from "./row-training-data.ts";
export { spreadWindows } from "./spread-windows.ts";
export {
  hopeless,
  resultText,
  type SweepData,
  type SweepPoint,
  type SweepRun,
  type SweepTrial,
  statusText,
  sweepVerdict,
} from "./sweep-data.ts";
export { resumeSweep, type SweepEvent, type SweepHooks, type SweepResult, sweepJob } from "./sweep-job.ts";
export { choiceText, planSweep, type SweepPlan } from "./sweep-plan.ts";
export type { SweepMetric, SweepParameter, SweepSettings } from "./sweep-settings.ts";
export { evaluateTask, type TaskEvaluation, type TaskEvaluationOptions, TaskEvaluator } from "./task-evaluation.ts";
export type { TaskEvaluationData } from "./task-evaluation-data.ts";
export { runPathOf, taskOfCheckpoint, writeTaskEvaluation } from "./task-evaluation-report.ts";
export { writeTaskReport } from "./task-report.ts";
export type { TaskCurvePoint, TaskReportData, TaskValidation } from "./task-report-data.ts";
export { type Reading, WindowReader, type WindowsRead } from "./window-reader.ts";
