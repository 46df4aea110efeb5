export { type DescribedKnob, type DescribedTask, describeTask } from "./describe.ts";
export { openTask, taskNamed, taskNames, taskSchema, tasks } from "./families.ts";
export type {
  Question,
  Task,
  TaskFamily,
  TaskPart,
  TaskRow,
  TaskRules,
  TaskSettings,
  TaskSources,
  TaskText,
} from "./task.ts";
export {
  type AnswerScore,
  checkTaskLength,
  evaluationSeed,
  scoreAnswers,
  type TaskBatch,
  taskBatch,
} from "./task-batch.ts";
