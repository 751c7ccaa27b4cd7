/** Each source in errors/ is refused, at the lines that its comments name and for the reasons that they give. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('errors/', import.meta.url));
const translator = fileURLToPath(new URL('../../translate.mjs', import.meta.url));

/** `// expect: text` at a line, or `// expect@7: text` for line 7 by the source's own count. */
function expectations(source) {
  return source.split('\n').flatMap((line, index) => {
    const match = /\/\/ expect(?:@(\d+))?: (.*)$/.exec(line);
    return match ? [{ line: Number(match[1] ?? index + 1), text: match[2] }] : [];
  });
}

/**
 * Errors with all lines of the source that each comes from. One in a header follows the lines by which it was reached; the
 * compiler leaves them out if they are those of the error before.
 */
function errorsIn(stderr, file) {
  const errors = [];
  for (const line of stderr.split('\n')) {
    const match = /^(.+?):(\d+):\d+: (error|fatal error|note): (.*)$/.exec(line);
    if (!match) continue;
    const [, where, number, kind, message] = match;
    if (kind !== 'note') errors.push({ messages: [message], lines: [] });
    const last = errors.at(-1);
    last.messages.push(message);
    if (where === file && (kind !== 'note' || message.includes('requested here'))) last.lines.push(Number(number));
  }
  for (const [index, error] of errors.entries())
    if (error.lines.length === 0) error.lines = errors[index - 1]?.lines ?? [];
  return errors;
}

for (const file of readdirSync(folder)) {
  test(file, () => {
    const source = readFileSync(folder + file, 'utf8');
    const setting = (name) => new RegExp(`^// ${name}: (.*)$`, 'm').exec(source)?.[1];
    const { stderr, status } = spawnSync(
      process.execPath,
      [
        ...[translator, file, '--language', setting('language') ?? '4.0', '--os', setting('os') ?? '26.5'],
        source.startsWith('// strict\n') ? '--strict' : '--check',
      ],
      { cwd: folder, encoding: 'utf8' },
    );
    assert.equal(status, 1, stderr);
    const expected = expectations(source);
    const errors = errorsIn(stderr, file);
    for (const { line, text } of expected) {
      const found = errors.some((error) => error.lines.includes(line) && error.messages.some((m) => m.includes(text)));
      assert.ok(found, `line ${line} should say "${text}", but:\n${stderr}`);
    }
    const others = errors.filter(({ lines }) => !expected.some(({ line }) => lines.includes(line)));
    assert.deepEqual(others, [], 'errors that no comment names');
  });
}
