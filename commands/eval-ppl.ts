import { Command } from 'commander';
import { backendOptions } from './backend.ts';
import { evalOptions, type EvalFlags } from './eval-ppl-flags.ts';
import { runEvaluation } from './eval-ppl-run.ts';
import { modelHelp } from './model-argument.ts';
import { runCommand } from './run-command.ts';

const help = `
Perplexity has a standard error; the change of a row has a far smaller one, as all rows score the same tokens: --kld
prints it as ln(ppl ratio). Values under different protocols, texts or tokenizers cannot be compared.

Ctrl-C prints what is known so far. --resume goes on from there; the last ten seconds may be lost to a crash.

With --decode w8a16, rows NAME-decode show what generation gets, whose activations stay float by default: integer
weights are multiplied with float activations at every position. That is the arithmetic of decoding, applied to whole
windows at once. --decode w8a8,w8a16 shows both rows. Decoding in mode w8a8 needs no row: it has the bits of a prompt.

Examples:
  cider eval-ppl
  cider eval-ppl model/ --data wikitext2
  cider eval-ppl model/ --data text.txt --configs fp16,w8a8 --ctx 1024 --samples 8
  cider eval-ppl model/ --configs all --kld --plot trade.svg
  cider eval-ppl model/ --protocol llama.cpp --configs fp16
  cider eval-ppl model/ --configs fp16 --save fp16.json
  cider eval-ppl model-w8a8/ --baseline fp16.json --max-increase 0.5%`;

export function evalPplCommand(): Command {
  const command = new Command('eval-ppl')
    .summary('measure what quantization costs: perplexity by configuration')
    .description(
      'Measure the perplexity of a model in several configurations. A float model is quantized while it is loaded; a ' +
        'quantized one is taken as it is. Without a model: the bundled one on the bundled text.',
    )
    .argument('[model]', modelHelp)
    .addHelpText('after', help)
    .action((model: string | undefined, flags: EvalFlags) =>
      runCommand('eval-ppl', flags, (context) => runEvaluation(model, flags, context)),
    );
  for (const option of [...evalOptions(), ...backendOptions()]) command.addOption(option);
  return command;
}
