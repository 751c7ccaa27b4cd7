import type { CalibrationFolder } from './calibration-folder.ts';
import { CalibrationPass, type CalibrationHooks, type CalibrationRequest } from './calibration-pass.ts';

/**
 * Runs a float model over windows, layer by layer, and shows the statistics of each stage and its weights to `visit`,
 * whose answer takes the place of the stage's weights. In memory are the weights of one layer, the statistics of one
 * stage (of four where nothing is replaced), and the activations of one window; hidden states of all windows are in the
 * folder.
 *
 * The same request gives the same bits, whether it is interrupted and resumed or not.
 *
 * @param folder of which nothing was asked yet; it is closed at the end
 * @param onResume called first if the run goes on from an earlier one: layers before `nextLayer` are not visited again
 * @throws InputError `E_NON_FINITE_ACTIVATION` and as `FloatModel.read`; UsageError `E_RESUME_MISMATCH`; ResourceError;
 * the reason of the signal
 */
export async function calibrate(
  request: CalibrationRequest,
  folder: CalibrationFolder,
  hooks: CalibrationHooks,
  onResume: (nextLayer: number) => void = () => undefined,
): Promise<void> {
  const { layers } = request.model.config;
  const pass = new CalibrationPass(request, folder, hooks);
  try {
    const nextLayer = folder.load();
    if (nextLayer === undefined) await pass.embed();
    else onResume(nextLayer);
    for (let layer = nextLayer ?? 0; layer < layers; layer++) await pass.layer(layer);
    folder.complete();
  } catch (error) {
    if (hooks.signal.aborted) folder.keep();
    throw error;
  } finally {
    pass.release();
    folder.close();
  }
}
