import { accessSync, constants } from 'node:fs';
import os from 'node:os';
import { Command, Option } from 'commander';
import { nativeBackends, type NativeBackendName, type ProbedLibrary } from '../kernels/native-backend.ts';
import { hubCacheFolder } from '../hub/settings.ts';
import { outputFormatNames } from '../quant/conversion/formats/output-format.ts';
import { BackendUnavailableError } from '../quant/errors.ts';
import { isErrno } from '../quant/file-system.ts';
import { cpuChecks, metalChecks, tryBackends, type Check } from './doctor-backends.ts';
import { oneOf } from './options.ts';
import { runCommand, type CommandContext, type CommandOutcome, type SharedFlags } from './run-command.ts';
import { describeTrial } from './trial.ts';

interface DoctorFlags extends SharedFlags {
  backend?: NativeBackendName | 'reference';
}

const backends = [...nativeBackends, 'reference'] as const;

const OLDEST_NODE = [20, 19] as const;

const examples = `
Examples:
  cider doctor
  cider doctor --backend cpu --json
  cider doctor --backend metal`;

export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('show what this machine has for cider, and what it lacks')
    .description(
      'Show what this machine has for cider: Node, CPU, the native library and how trials of its backends ended.',
    )
    .addOption(
      new Option('--backend <name>', `exit 6 unless this backend works: ${backends.join(', ')}`).argParser(
        oneOf(backends),
      ),
    )
    .addHelpText('after', examples)
    .action((flags: DoctorFlags) => runCommand('doctor', flags, (context) => run(flags, context)));
}

async function run({ backend }: DoctorFlags, { output }: CommandContext): Promise<CommandOutcome> {
  const { cpu, metal, environment } = await tryBackends(backend);
  const checks = [
    node(),
    libc(),
    processor(cpu),
    ...cpuChecks(cpu, environment, backend === 'cpu'),
    ...metalChecks(metal, backend === 'metal'),
    reference(),
    formats(),
    cache(),
  ];
  output.print(describeTrial(checks));
  const failed = checks.filter(({ status }) => status === 'fail');
  if (failed.length === 0) return { result: { checks } };
  const failure = new BackendUnavailableError(failed.map(({ name, detail }) => `${name}: ${detail}`).join('; '), {
    code: 'E_BACKEND_UNAVAILABLE',
    hint: 'without CIDER_LIBRARY and CIDER_ISA the library of the package is used; --backend reference works everywhere',
    details: { failed: failed.map(({ name }) => name) },
  });
  return { result: { checks }, failure };
}

function node(): Check {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  const detail = `${process.version}, ${process.platform}-${process.arch}`;
  if (!isOld) return { name: 'node', status: 'ok', detail };
  return { name: 'node', status: 'warn', detail: `${detail}; cider is made for ${OLDEST_NODE.join('.')} and later` };
}

function libc(): Check {
  if (process.platform !== 'linux') return { name: 'libc', status: 'ok', detail: 'of the system' };
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const version = header.glibcVersionRuntime;
  if (version !== undefined) return { name: 'libc', status: 'ok', detail: `glibc ${version}` };
  return { name: 'libc', status: 'warn', detail: 'not glibc; the native library is made for glibc 2.28 and later' };
}

function processor(library: ProbedLibrary): Check {
  const cpus = os.cpus();
  const model = `${cpus[0]?.model ?? 'unknown'}, ${cpus.length} hardware threads`;
  const features = library.ok ? library.report.cpuFeatures.join(' ') : 'features unknown without the library';
  return { name: 'cpu', status: 'ok', detail: `${model}: ${features}` };
}

function reference(): Check {
  return { name: 'backend reference', status: 'ok', detail: 'typescript, 1 thread; slow, works everywhere' };
}

/** What models may be in. */
function formats(): Check {
  const detail = `reads safetensors (float, compressed-tensors, MLX) and GGUF; writes ${outputFormatNames.join(', ')}`;
  return { name: 'formats', status: 'ok', detail };
}

/** Where downloads go, shared with Hugging Face's own tools. */
function cache(): Check {
  const folder = hubCacheFolder(process.env, os.homedir());
  try {
    accessSync(folder, constants.R_OK | constants.W_OK);
    return { name: 'model cache', status: 'ok', detail: folder };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { name: 'model cache', status: 'ok', detail: `${folder} (not there yet)` };
    const code = (error as NodeJS.ErrnoException).code ?? 'an error';
    return { name: 'model cache', status: 'warn', detail: `${folder} cannot be used: ${code}` };
  }
}
