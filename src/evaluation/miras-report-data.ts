/** Everything the page about retention gates and attentional biases says, as data: saved beside it as JSON. */
import type { BiasFindings } from "./miras-biases.ts";
import type { OutlierFindings } from "./miras-outliers.ts";
import type { RetentionFindings } from "./miras-retention.ts";
import type { ReportData } from "./report-data.ts";

/** Everything the page says. */
export interface MirasReportData extends Pick<ReportData, "engine" | "platform"> {
  readonly format: 1;
  readonly retention: RetentionFindings;
  readonly biases: BiasFindings;
  readonly outliers: OutlierFindings;
}
