import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { permissionFlag, runConfined, type ConfinedRun } from '../testing/confined-cli.ts';
import { model, short, text } from '../testing/eval-ppl.ts';
import { folderContents } from '../testing/folder-contents.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { packagePath } from './package-path.ts';

// What SECURITY.md promises. A run that reads or writes elsewhere ends with ERR_ACCESS_DENIED.

/** A copy of the bundled model outside of the package, and a text beside it. */
function input(): { folder: string; checkpoint: string; data: string } {
  const folder = temporaryFolder();
  const [checkpoint, data] = [join(folder, 'model'), join(folder, 'text.txt')];
  cpSync(model, checkpoint, { recursive: true });
  cpSync(text, data);
  return { folder, checkpoint, data };
}

const quietly = { exitCode: 0, stderr: '', network: [] } satisfies Partial<ConfinedRun>;

describe.skipIf(permissionFlag === undefined)('a confined run', () => {
  it('converts with nothing but its two folders, and runs no code of the model', async () => {
    const { folder, checkpoint } = input();
    const mark = join(folder, 'it-ran');
    const [python, javascript] = [
      `open(${JSON.stringify(mark)}, 'w')`,
      `require('fs').writeFileSync(${JSON.stringify(mark)}, '')`,
    ];
    writeFileSync(join(checkpoint, 'modeling_custom.py'), python);
    writeFileSync(join(checkpoint, 'index.js'), javascript);
    const config = join(checkpoint, 'config.json');
    const members = { auto_map: { AutoModelForCausalLM: 'modeling_custom.Custom' }, model_file: 'modeling_custom.py' };
    writeFileSync(config, JSON.stringify({ ...(JSON.parse(readFileSync(config, 'utf8')) as object), ...members }));
    const before = folderContents(checkpoint);
    const parent = temporaryFolder();
    const output = join(parent, 'out');
    const args = ['convert', checkpoint, '-o', output, '--mode', 'w4a8', '--gs', '64', '--threads', '2', '--quiet'];
    const confinement = { read: [folder, parent], write: [`${output}*`, mark] };
    expect(await runConfined(args, confinement)).toMatchObject(quietly);
    expect(readdirSync(parent)).toEqual(['out']);
    expect(folderContents(checkpoint)).toEqual(before);
    expect(existsSync(mark)).toBe(false);
  });

  it('evaluates, inspects and generates without writing at all', async () => {
    const { folder, checkpoint, data } = input();
    const confinement = { read: [folder], write: [] };
    const evaluation = ['eval-ppl', checkpoint, '--data', data, ...short, '--configs', 'fp16,w8a8', '--quiet'];
    expect(await runConfined(evaluation, confinement)).toMatchObject(quietly);
    expect(await runConfined(['inspect', checkpoint, '--check', '--quiet'], confinement)).toMatchObject(quietly);
    // Renders the chat template in a process of its own.
    const generation = ['generate', checkpoint, '--prompt', 'A day', '--max-tokens', '4', '--quiet'];
    expect(await runConfined(generation, confinement)).toMatchObject(quietly);
  });

  it('is one: it reads nothing else, and what asks for the network is seen', async () => {
    const { folder, checkpoint } = input();
    const other = await runConfined(['inspect', input().checkpoint, '--quiet'], { read: [folder], write: [] });
    expect(other.exitCode).not.toBe(0);
    const written = await runConfined(['convert', checkpoint, '-o', join(folder, 'out')], {
      read: [folder],
      write: [],
    });
    expect(written.exitCode).not.toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['model', 'text.txt']);
    const cache = temporaryFolder();
    const confinement = { read: [cache], write: [cache] };
    const env = { HF_HOME: cache, HF_ENDPOINT: 'http://localhost:49151' };
    const hub = await runConfined(['inspect', 'hf://someone/some-model', '--quiet'], confinement, env);
    expect(hub.exitCode).not.toBe(0);
    expect(hub.network).not.toEqual([]);
  });
});

describe('the native library', () => {
  it.each([
    ['linux-x64', 'libcider.so'],
    ['linux-arm64', 'libcider.so'],
    ['darwin-arm64', 'libcider.dylib'],
  ])('of %s imports nothing that starts programs or opens sockets', async (platform, name) => {
    const imports = await importsOf(packagePath(`kernels/prebuilt/${platform}/${name}`));
    expect(imports).toContain('mmap');
    expect(imports.filter((symbol) => forbiddenImports.includes(symbol.replace(/\$.*$/, '')))).toEqual([]);
  });
});

const forbiddenImports = [
  ...['socket', 'connect', 'bind', 'listen', 'send', 'sendto', 'sendmsg', 'getaddrinfo', 'gethostbyname'],
  ...[
    'execv',
    'execve',
    'execvp',
    'execl',
    'execlp',
    'fork',
    'vfork',
    'posix_spawn',
    'posix_spawnp',
    'system',
    'popen',
  ],
];

/** Names of what a library needs of others, as C spells them. */
async function importsOf(path: string): Promise<readonly string[]> {
  const content = readFileSync(path);
  if (path.endsWith('.so')) {
    const { readElf } = (await import(packagePath('kernels/build/elf.mjs'))) as ElfModule;
    return readElf(content).imports;
  }
  const { readMachO } = (await import(packagePath('kernels/build/mach-o.mjs'))) as MachOModule;
  return readMachO(content).undefinedSymbols.map(({ name }) => name.replace(/^_/, ''));
}

interface ElfModule {
  readElf: (file: Buffer) => { imports: string[] };
}

interface MachOModule {
  readMachO: (file: Buffer) => { undefinedSymbols: { name: string }[] };
}
