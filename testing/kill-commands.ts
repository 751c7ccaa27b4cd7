import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { packagePath } from '../commands/package-path.ts';
import { killChain, moments, undisturbed, type KilledCommand, type Moment } from './kill-chain.ts';
import { uniformNumbers } from './random-arrays.ts';
import { reportFigure } from './report-figure.ts';
import { tinyConfig, writeTinyCheckpoint } from './tiny-checkpoint.ts';

const text = packagePath('fixtures/heldout.txt');
const calibration = ['--data', text, '--samples', '2', '--seq-len', '16', '--backend', 'reference'];

/** Every chain ends with a run that nobody kills. */
const KILLS_A_CHAIN = 6;

const CHAINS_AT_A_TIME = 4;

/** The commands that write a checkpoint, and the share of the kills that each gets. */
function commandsToKill(folder: string): { command: KilledCommand; share: number }[] {
  const plain = join(folder, 'plain');
  mkdirSync(plain);
  writeTinyCheckpoint(plain);
  // The bundled model has too many layers to be calibrated hundreds of times; this one has its tokenizer.
  const small = join(folder, 'small');
  mkdirSync(small);
  writeTinyCheckpoint(small, { ...tinyConfig, vocab_size: 1536 });
  cpSync(packagePath('fixtures/tiny-qwen3/tokenizer.json'), join(small, 'tokenizer.json'));

  const formerArgs = (root: string): string[] => ['convert', ...paths(root), '--mode', 'w4a16', '--gs', '32'];
  const command = (name: string, input: string, subcommand: string, options: readonly string[]): KilledCommand => ({
    name,
    input,
    formerArgs,
    args: (root) => [subcommand, ...paths(root), '-t', '1', '--no-progress', ...options],
  });
  return [
    { command: command('convert', plain, 'convert', ['--max-shard-size', '20kB']), share: 0.75 },
    {
      command: command('smoothquant', small, 'smoothquant', ['--max-shard-size', '100kB', ...calibration]),
      share: 0.2,
    },
    {
      command: command('convert, best recipe', small, 'convert', [
        ...['--mode', 'w4a8', '--gs', '32', '--recipe', 'best', '--max-shard-size', '100kB'],
        ...calibration,
      ]),
      share: 0.05,
    },
  ];
}

const paths = (root: string): string[] => [join(root, 'in'), '-o', join(root, 'out')];

/** Kills each command so many times, prints what the kills found, and the seed that repeats their moments. */
export async function killAll(folder: string, kills: number, seed: number): Promise<void> {
  for (const { command, share } of commandsToKill(folder)) {
    const whole = await undisturbed(command, folder);
    const wanted = Math.round(kills * share);
    const found: Moment[] = [];
    let [started, outstanding] = [0, 0];
    /** A signal that comes after the end kills nobody. */
    const killed = (): number => found.filter((moment) => moment !== 'after the end').length;
    const next = (): number => Math.min(KILLS_A_CHAIN, wanted - killed() - outstanding);
    const chains = async (): Promise<void> => {
      for (let kills = next(); kills > 0; kills = next()) {
        const chain = started++;
        const root = join(folder, `${command.name.replaceAll(/\W+/g, '-')}-chain-${chain}`);
        outstanding += kills;
        found.push(...(await killChain(whole, root, kills, uniformNumbers(seed + chain))));
        outstanding -= kills;
      }
    };
    await Promise.all(Array.from({ length: CHAINS_AT_A_TIME }, chains));
    const counts = moments.map((moment) => `${found.filter((each) => each === moment).length} ${moment}`);
    reportFigure(`kills, ${command.name}: ${killed()} (seed ${seed}): ${counts.join(', ')}`);
    expect(killed()).toBeGreaterThanOrEqual(wanted);
  }
}
