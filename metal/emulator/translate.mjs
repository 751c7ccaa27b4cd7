/**
 * Translates a Metal source to C++ and compiles it to a shared object whose kernels the emulator runs.
 *
 *     node metal/emulator/translate.mjs in.metal out.so [options] [-- flags of the compiler]
 *
 *     --language 3.1|3.2|4.0|4.1   default 4.0
 *     --os 26.5                    the macOS whose headers are emulated: what it lacks is an error
 *     --check                      only look for errors
 *     --strict                     the same, and tell address spaces apart
 *     --emit out.cpp               keep the translation
 *
 * The compiler is `$CXX`, or an installed clang. Errors are printed as compilers do; the exit code is then 1.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { findSystemCompiler, main } from '../../kernels/build/toolchain.mjs';
import { compile } from './translator/compile.mjs';
import { metalVersion, preprocess } from './translator/preprocess.mjs';
import { translate } from './translator/translate.mjs';

await main(() => {
  const { source, output, options } = readArguments(process.argv.slice(2));
  const folder = mkdtempSync(join(tmpdir(), 'cider-metal-'));
  try {
    translateFile(source, output, { ...options, emit: options.emit ?? join(folder, 'kernels.cpp') });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function readArguments(args) {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  const { positionals, values } = parseArgs({
    args: own,
    allowPositionals: true,
    options: {
      language: { type: 'string', default: '4.0' },
      os: { type: 'string', default: '26.5' },
      check: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      emit: { type: 'string' },
    },
  });
  const [source, output] = positionals;
  if (!source || (!output && !values.check && !values.strict)) {
    throw new Error('usage: node metal/emulator/translate.mjs in.metal out.so [options] [-- flags of the compiler]');
  }
  const [major, minor = 0] = values.os.split('.').map(Number);
  return {
    source,
    output,
    options: {
      ...values,
      version: metalVersion(values.language),
      os: major * 100 + minor,
      flags: end < 0 ? [] : args.slice(end + 1),
    },
  };
}

function translateFile(source, output, options) {
  const compiler = findSystemCompiler();
  const { status, text, stderr } = preprocess(compiler, source, options);
  process.stderr.write(stderr);
  if (status !== 0) return fail();
  const { cpp, diagnostics } = translate(text, options);
  if (diagnostics.failed) {
    process.stderr.write(diagnostics.toString());
    return fail();
  }
  writeFileSync(options.emit, cpp);
  const compiled = compile(compiler, options.emit, output, options);
  process.stderr.write(compiled.stderr);
  if (compiled.status !== 0) fail();
}

function fail() {
  process.exitCode = 1;
}
