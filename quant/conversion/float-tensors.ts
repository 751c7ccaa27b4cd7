import { setImmediate } from 'node:timers/promises';
import { modelTensors } from '../checkpoint/architecture.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { narrowFloats } from '../checkpoint/narrow-floats.ts';
import { weightDtype } from '../checkpoint/weight-dtype.ts';
import type { FloatModel } from '../methods/float-model.ts';
import type { PlannedTensor } from './plan.ts';
import type { TensorWriter } from './tensor-writer.ts';

/** Bytes of a tensor that goes over as it is that are read at a time. */
const CHUNK_BYTES = 16 * 1024 * 1024;

/** Writes all tensors that are not quantized: those of the model as it is seen, the others as the checkpoint has them. */
export async function writeFloatTensors(
  model: FloatModel,
  checkpoint: Checkpoint | undefined,
  tensors: readonly PlannedTensor[],
  writer: TensorWriter,
  signal: AbortSignal,
): Promise<void> {
  const known = new Set(modelTensors(model.config).map(({ name }) => name));
  for (const { kind, source } of tensors) {
    if (kind !== 'copy' || !writer.has(source.name)) continue;
    signal.throwIfAborted();
    if (known.has(source.name)) {
      writer.write(source.name, narrowFloats(await model.read(source.name), weightDtype(source), source.name));
    } else if (checkpoint) {
      for (let at = 0; at < source.bytes; at += CHUNK_BYTES) {
        const chunk = new Uint8Array(Math.min(CHUNK_BYTES, source.bytes - at));
        checkpoint.readInto(source, chunk, at);
        writer.write(source.name, chunk, at);
      }
    }
    // Lets signals through.
    await setImmediate();
  }
}
