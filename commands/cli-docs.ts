import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { packagePath } from './package-path.ts';
import { buildProgram } from './program.ts';

// Run as a script: writes docs/cli.md from the command tree, or compares with --check.

function describeCommand(command: Command): string {
  const help = command.createHelp();
  // Outside of code Markdown takes <…> for HTML and shows nothing.
  const row = (term: string, description: string): string =>
    `| \`${term.replaceAll('|', '\\|')}\` | ${description.replaceAll('<', '\\<')} |`;
  const rows = [
    ...help.visibleArguments(command).map((each) => row(`<${each.name()}>`, help.argumentDescription(each))),
    ...help.visibleOptions(command).map((each) => row(help.optionTerm(each), help.optionDescription(each))),
  ];
  const usage = help.commandUsage(command).replace(/^cider cider/, 'cider');
  return [
    `## cider ${command.name()}`,
    command.description(),
    `\`${usage}\``,
    ['| | |', '|---|---|', ...rows].join('\n'),
  ].join('\n\n');
}

const program = await buildProgram();
const exits = [
  '0 ok',
  '1 a bug of ours',
  '2 usage',
  '3 bad input',
  '4 not found',
  '5 resources (disk, memory, permissions, a lock)',
  '6 backend unavailable',
  '7 a check failed',
  '130 and 143 interrupted',
];
const text = [
  '# Command line',
  'Generated from the commands by `npm run docs`.',
  ...program.commands.map(describeCommand),
  '## Exit codes',
  exits.join(' · '),
  '## Environment',
  [
    '`NO_COLOR`, `FORCE_COLOR`: colours off, on. `CI`: no bars. `CIDER_DEBUG=1`: stack of an error.',
    '`HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE`, `HF_HUB_DOWNLOAD_TIMEOUT`: as of',
    'huggingface_hub. `XDG_CACHE_HOME`: where interrupted evaluations are kept, and how the trial of an Apple GPU',
    'went. `CIDER_WIKITEXT2`, `CIDER_WIKITEXT2_TRAIN`: a local wiki.test.raw and wiki.train.raw. `CIDER_LIBRARY`: another',
    'build of the native library. `CIDER_ISA`: one of its instruction sets (`cider doctor`). `CIDER_PYTHON`: the interpreter',
    'of `cider check`. `CIDER_METAL_RUNTIME`: what stands in for Metal in tests (CONTRIBUTING.md).',
  ].join('\n'),
]
  .join('\n\n')
  .concat('\n');

const path = packagePath('docs/cli.md');
if (!process.argv.includes('--check')) {
  writeFileSync(path, text);
} else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
  process.stderr.write('docs/cli.md is out of date; run: npm run docs\n');
  process.exitCode = 1;
}
