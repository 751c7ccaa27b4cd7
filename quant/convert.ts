import { ConversionOutput, type OutputSettings } from './conversion/conversion-output.ts';
import type { Conversion } from './conversion/prepare.ts';
import type { ManifestFile } from './output/manifest.ts';

export interface ConvertSettings extends OutputSettings {
  /** Bytes of input done so far, and the tensor that was done last. */
  onProgress: (doneBytes: number, label: string) => void;
}

/**
 * Carries a conversion out whose tensors stand for themselves. The output appears whole under its name or not at all,
 * and the same conversion gives the same bytes for any number of threads.
 *
 * @returns the files of the output, sorted by name
 * @throws UsageError for an output that may not be written; ResourceError for disk and locks; InputError for weights
 */
export function convert(conversion: Conversion, settings: ConvertSettings): Promise<ManifestFile[]> {
  return ConversionOutput.produce(conversion, settings, async (output) => {
    output.begin();
    let doneBytes = 0;
    const onProgress = (bytes: number, label: string): void => {
      settings.onProgress((doneBytes += bytes), label);
    };
    await Promise.all(output.remaining.map((file) => output.fill(file, onProgress)));
  });
}
