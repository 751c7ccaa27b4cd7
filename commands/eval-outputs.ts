import { encodeSavedResult, SAVED_MARK, type SavedResult } from '../eval/perplexity/saved-result.ts';
import { plotPerplexity, PLOT_MARK } from '../eval/plot/perplexity-plot.ts';
import { nodeFileSystem } from '../quant/file-system.ts';
import { OutputFile } from '../quant/output/output-file.ts';
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
  const claim = (path: string | undefined, mark: string): OutputFile | undefined =>
    path === undefined ? undefined : OutputFile.claim(nodeFileSystem, path, { overwrite, mark });
  const [savedFile, plotFile] = [claim(save, SAVED_MARK), claim(plot, PLOT_MARK)];
  return {
    write: (report, result) => {
      savedFile?.write(encodeSavedResult(result));
      plotFile?.write(drawReport(report));
    },
  };
}

function drawReport({ model, data, protocol, rows }: EvaluationReport): string {
  const subtitle = `${data}; ${describeProtocol(protocol)}`;
  return plotPerplexity({ title: model, subtitle, measure: measureOf(protocol), rows });
}
