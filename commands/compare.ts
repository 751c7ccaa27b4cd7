import { Command } from 'commander';
import { compareOptions, type CompareFlags } from './compare-flags.ts';
import { runComparison } from './compare-run.ts';
import { runCommand } from './run-command.ts';

const help = `
All are compared with the first: perplexity token by token, so that its change has a far smaller error than the
perplexities; distributions by their KL divergence; and layer by layer, how far the outputs are from those of the first
checkpoint, as signal to quantization noise in dB (6 dB are a bit). Checkpoints may be float or quantized, but must be of
one model. A results file, as eval-ppl --save writes it, has perplexities only.

Examples:
  cider compare model/ model-w8a8/
  cider compare model/ model-w8a8/ model-w4a8/ --data text.txt --plot layers.svg
  cider compare model/ model-w8a8/ --samples 20 --max-increase 0.5%
  cider compare float.json w8a8.json`;

export function compareCommand(): Command {
  const command = new Command('compare')
    .summary('hold checkpoints against each other: perplexity, divergence, size, speed, layer by layer')
    .description(
      'Compare two or more checkpoints with the first: perplexity, divergence, bytes, speed, and what each layer loses.',
    )
    .argument(
      '<checkpoints...>',
      'folders, .gguf files, org/name[@revision] of the Hub, or results files of eval-ppl --save',
    )
    .addHelpText('after', help)
    .action((checkpoints: string[], flags: CompareFlags) =>
      runCommand('compare', flags, (context) => runComparison(checkpoints, flags, context)),
    );
  for (const option of compareOptions()) command.addOption(option);
  return command;
}
