import { spawnSync } from 'node:child_process';

import { headers } from './preprocess.mjs';

const LANGUAGE = [
  ...['-x', 'c++', '-std=c++20', '-isystem', headers],
  ...['-fno-exceptions', '-fno-rtti', '-fno-threadsafe-statics', '-fno-strict-aliasing', '-fsigned-char'],
  // Halves are rounded after each operation, as by hardware that has them.
  ...['-Xclang', '-ffloat16-excess-precision=none', '-Xclang', '-fbfloat16-excess-precision=none'],
  '-Werror=pre-c++20-compat-pedantic',
  '-ferror-limit=0',
];

const WARNINGS = [
  ...['-Wall', '-Wextra', '-Wno-duplicate-decl-specifier', '-Wno-unused-parameter', '-Wno-unused-function'],
  ...['-Wno-user-defined-literals', '-Wno-unused-const-variable', '-Wno-missing-braces', '-Wno-unused-variable'],
  ...['-Wno-unused-but-set-variable', '-Wno-sign-compare', '-Wno-pass-failed', '-Wno-psabi'],
];

/** Metal contracts a product and a sum to one operation, unless a pragma forbids it. */
const CODE = [
  ...['-O2', '-g1', '-fPIC', '-shared', '-nostdlib++', '-fvisibility=hidden'],
  ...['-march=native', '-ffp-contract=fast-honor-pragmas', '-fno-math-errno'],
];

/** Without other sanitizers these two, which need no library: see msl/checks.h. */
const CHECKS = ['-fsanitize=alignment,array-bounds', '-DEMULATOR_OWN_CHECKS'];

/** @returns {{ status: number, stderr: string }} what the compiler said of a translated source */
export function compile(compiler, cpp, output, { os, strict, check, flags }) {
  const isSanitized = flags.some((flag) => flag.startsWith('-fsanitize='));
  const goal = strict || check ? ['-fsyntax-only'] : [...CODE, ...(isSanitized ? [] : CHECKS), '-o', output];
  const mode = [`-DEMULATOR_OS=${os}`, ...(strict ? ['-DEMULATOR_STRICT'] : [])];
  const { status, stderr, error } = spawnSync(compiler, [...LANGUAGE, ...WARNINGS, ...mode, ...goal, ...flags, cpp], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error) throw error;
  return { status: status ?? 1, stderr: strict ? nameAddressSpaces(stderr) : stderr };
}

const SPACES = { 1: 'device', 2: 'constant', 3: 'threadgroup' };

/** Messages in Metal's words; the lines of source under them stay as they are. */
const nameAddressSpaces = (stderr) =>
  stderr.replace(/^.*: (?:error|note|warning): .*$/gm, (message) =>
    message
      .replace(/__attribute__\(\(address_space\((\d)\)\)\)/g, (whole, number) => SPACES[number] ?? whole)
      .replace(/address space '(\d)'/g, (whole, number) => `${SPACES[number] ?? number} memory`),
  );
