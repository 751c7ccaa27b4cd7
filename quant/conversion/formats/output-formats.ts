import { compressedTensorsFormat } from './compressed-tensors-format.ts';
import { mlxFormat } from './mlx-format.ts';
import type { OutputFormat, OutputFormatName } from './output-format.ts';

export const outputFormats: Readonly<Record<OutputFormatName, OutputFormat>> = {
  'compressed-tensors': compressedTensorsFormat,
  mlx: mlxFormat,
};
