/**
 * Floats must round as they are written: no contraction to fused operations, no fast-math. No exceptions, RTTI or
 * runtime of C++, so that the library depends on libc alone.
 */
const language = [
  '-std=c++20',
  '-ffp-contract=off',
  '-fno-fast-math',
  '-fno-exceptions',
  '-fno-rtti',
  '-fno-threadsafe-statics',
  '-Wall',
  '-Wextra',
];

/** The pinned compiler's warnings are errors; nothing of the folder or the moment gets into its objects. */
const published = [
  '-O2',
  '-g0',
  '-fPIC',
  '-fvisibility=hidden',
  '-fvisibility-inlines-hidden',
  '-ffile-prefix-map=.=cider',
  '-Werror',
];

/** Vectors as arguments stay within a file, so that their ABI does not matter. */
const debuggable = ['-O1', '-g', '-fno-omit-frame-pointer', '-fno-sanitize-recover=all', '-Wno-psabi'];

/** How one source file becomes an object file. */
export function compileArguments(platform, { path, features }, object) {
  const { target, sanitizer } = platform;
  const purpose = target ? ['c++', '-target', target, ...published] : [...debuggable, ...sanitize(sanitizer)];
  return [...purpose, ...language, ...instructionSet(platform, features), '-c', path, '-o', object];
}

const sanitize = (sanitizer) => (sanitizer ? [`-fsanitize=${sanitizer}`] : []);

function instructionSet({ architecture, cpu }, features) {
  if (architecture === 'x64') return cpu ? [`-mcpu=${cpu}`, ...features] : features;
  if (cpu) return [`-mcpu=${[cpu, ...features].join('+')}`];
  return features.length > 0 ? [`-march=armv8.2-a+${features.join('+').replace('fullfp16', 'fp16')}`] : [];
}

/** How object files become the library. */
export function linkLibraryArguments({ target, file }, objects, versionScript, library) {
  const format = file.endsWith('.so')
    ? [
        '-Wl,--build-id=none',
        '-Wl,--as-needed',
        '-Wl,--no-undefined',
        `-Wl,-soname,${file}`,
        `-Wl,--version-script=${versionScript}`,
      ]
    : ['-Wl,-x', `-Wl,-install_name,@rpath/${file}`];
  return ['c++', '-target', target, '-shared', '-nostdlib++', '-s', ...format, '-o', library, ...objects];
}

/** How object files become a test. */
export function linkProgramArguments({ target, sanitizer }, objects, program) {
  const purpose = target
    ? ['c++', '-target', target, '-nostdlib++', ...(target.endsWith('-musl') ? ['-static'] : [])]
    : sanitize(sanitizer);
  return [...purpose, '-pthread', '-o', program, ...objects, '-lm'];
}
