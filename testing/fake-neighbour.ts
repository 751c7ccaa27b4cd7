import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { neighbourNames } from '../eval/neighbours/neighbour.ts';
import type { ListRequest, RunRequest } from '../eval/neighbours/protocol.ts';
import type { FakeBehaviour, FakeRun } from './fake-python.ts';

/** Reads one request from standard input and answers it, well or not. */
export async function play({ list, run = { does: 'answer' } }: FakeBehaviour): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  const request = JSON.parse(await new Promise<string>((resolve) => lines.once('line', resolve))) as
    ListRequest | RunRequest;
  lines.close();
  if (request.do === 'run') await playRun(request, run);
  else if (list === 'garbage') console.log('Python 1.4');
  else console.log(JSON.stringify({ python: '3.99', neighbours: installed(list === 'all') }));
  // Standard input stays open as long as the caller lives.
  if (request.do === 'list' || run.does !== 'hang') process.exit();
}

const installed = (all: boolean): object =>
  Object.fromEntries(
    neighbourNames.map((name) => [
      name,
      all ? { packages: { [name]: '9.9' }, missing: [] } : { packages: {}, missing: [name] },
    ]),
  );

async function playRun(request: RunRequest, run: FakeRun): Promise<void> {
  const { tokens, vocabSize, output, floatOutput } = request;
  switch (run.does) {
    case 'answer': {
      const write = async (path: string, floatActivations: boolean): Promise<void> => {
        const logits = await logitsOf(run.model ?? request.model, tokens, floatActivations);
        writeFileSync(path, new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength));
      };
      await write(output, false);
      if (floatOutput !== null) await write(floatOutput, true);
      answer(tokens.length, vocabSize, floatOutput !== null);
      return;
    }
    case 'zeros':
      writeFileSync(output, new Uint8Array(run.bytes ?? 4 * tokens.length * vocabSize));
      answer(tokens.length, run.columns ?? vocabSize, false);
      return;
    case 'fail':
      console.log(JSON.stringify({ error: run.error }));
      return;
    case 'print':
      console.error(run.text);
      process.exit(run.exitCode);
      break;
    case 'flood':
      for (;;) await new Promise((resolve) => process.stdout.write('x'.repeat(65536), resolve));
    case 'hang': {
      const { pid } = spawn('sleep', ['600'], { stdio: 'ignore' });
      writeFileSync(run.pidFile, String(pid));
      setInterval(() => undefined, 1000);
    }
  }
}

/** Imported here only, as a stand-in that does no arithmetic should start at once. */
async function logitsOf(folder: string, tokens: readonly number[], floatActivations: boolean): Promise<Float32Array> {
  const { checkedModel } = await import('../commands/check-model.ts');
  const { openModel } = await import('../quant/checkpoint/open-model.ts');
  const { openReferenceBackend } = await import('../kernels/reference/backend.ts');
  const backend = openReferenceBackend();
  const model = checkedModel(openModel(folder));
  try {
    return await (await model.load(backend, floatActivations)).logits(Int32Array.from(tokens));
  } finally {
    model.close();
    backend.close();
  }
}

function answer(rows: number, columns: number, floatActivations: boolean): void {
  const measured = { loadSeconds: 1, runSeconds: 0.5, peakMemoryBytes: 1e9 };
  console.log(JSON.stringify({ kind: 'logits', rows, columns, floatActivations, ...measured, notes: [] }));
}
