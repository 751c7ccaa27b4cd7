import { encodeSavedResult, SAVED_MARK, type SavedResult } from '../eval/perplexity/saved-result.ts';
import { plotPerplexity, PLOT_MARK } from '../eval/plot/perplexity-plot.ts';
import { nodeFileSystem } from '../quant/file-system.ts';
import { OutputFile, type OutputFileOptions } from '../quant/output/output-file.ts';
import type { EvalFlags } from './eval-ppl-flags.ts';
import { describeProtocol, measureOf, type EvaluationReport } from './eval-report.ts';

/** Files that a run writes when it is complete. */
export interface EvalOutputs {
  write: (report: EvaluationReport, result: SavedResult) => void;
}

/**
 * Checks, before anything is computed, that the files can be written.
 *
 * @throws UsageError `E_OUTPUT_EXISTS`, `E_NO_PARENT_FOLDER`; ResourceError
 */
export function claimOutputs({ save, plot, overwrite = false }: EvalFlags): EvalOutputs {
  const savedFile = claimFile(save, { overwrite, mark: SAVED_MARK });
  const plotFile = claimFile(plot, { overwrite, mark: PLOT_MARK });
  return {
    write: (report, result) => {
      savedFile?.write(encodeSavedResult(result));
      plotFile?.write(drawReport(report));
    },
  };
}

/** The file that an option names, if it was given. @throws as `OutputFile.claim` */
export const claimFile = (path: string | undefined, options: OutputFileOptions): OutputFile | undefined =>
  path === undefined ? undefined : OutputFile.claim(nodeFileSystem, path, options);

/** What was printed is not taken back if a file cannot be written. */
export function failureOf(write: () => void): Error | undefined {
  try {
    write();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

function drawReport({ model, data, protocol, rows }: EvaluationReport): string {
  const subtitle = `${data}; ${describeProtocol(protocol)}`;
  return plotPerplexity({ title: model, subtitle, measure: measureOf(protocol), rows });
}
