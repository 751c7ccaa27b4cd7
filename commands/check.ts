import { Command } from 'commander';
import { checkOptions, type CheckFlags } from './check-flags.ts';
import { runCheck } from './check-run.ts';
import { runCommand } from './run-command.ts';

const help = `
The checkpoint is loaded by cider and by each of the neighbours that Python has: transformers (with compressed-tensors),
mlx (mlx-lm, on the CPU) and vllm. All run the same tokens. The KL divergence of their distributions from ours has a limit
that depends on neighbour and scheme (docs/reliability.md); whoever is above it, or cannot load what it should, makes the
exit code 7. A neighbour that is not installed or does not read the format is skipped, and said to be. Python runs a script
of this package: offline, without code of the checkpoint, and without writing anything that stays.

Examples:
  cider check model-w8a8/
  cider check model-w8a8/ --python .venv/bin/python --require transformers
  cider check model-w4a16/ --neighbours vllm --json`;

export function checkCommand(): Command {
  const command = new Command('check')
    .summary('have other programs load a checkpoint, and compare what they make of it')
    .description('Have transformers, mlx-lm and vLLM load a checkpoint, and compare their logits with ours.')
    .argument('<checkpoint>', 'folder of a checkpoint, or org/name[@revision] of the Hugging Face Hub')
    .addHelpText('after', help)
    .action((checkpoint: string, flags: CheckFlags) =>
      runCommand('check', flags, (context) => runCheck(checkpoint, flags, context)),
    );
  for (const option of checkOptions()) command.addOption(option);
  return command;
}
