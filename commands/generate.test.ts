import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli, type CliRun } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { packagePath } from './package-path.ts';

interface Generated {
  schema: string;
  ok: boolean;
  env: { backend: string };
  result: {
    model: string;
    config: string;
    decode: string;
    prompt: { tokens: number; template: string | null };
    text: string;
    tokens: number;
    finishReason: string;
    stopToken: number | null;
    timings: { prefillTokensPerSecond: number; decodeTokensPerSecond: number };
  };
  error?: { code: string; message: string };
}

interface Golden {
  prompt: string;
  newIds: number[];
  text: string;
}

const model = packagePath('fixtures/tiny-qwen3');
const golden = JSON.parse(readFileSync(packagePath('fixtures/generation/greedy.json'), 'utf8')) as Golden[];
const [raw, , , , chat] = golden;

const documentOf = (run: CliRun): Generated => JSON.parse(run.stdout) as Generated;

const small = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'];

/** The bundled model with other files in the place of its own. */
function modelWith(files: Record<string, string>): string {
  const folder = join(temporaryFolder(), 'model');
  mkdirSync(folder);
  for (const name of [...small, 'model.safetensors']) copyFileSync(join(model, name), join(folder, name));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const withTemplate = (template: string): string =>
  modelWith({ 'tokenizer_config.json': JSON.stringify({ chat_template: template }) });

describe('cider generate', () => {
  it('writes an answer on stdout, and what it took on stderr', async () => {
    const run = await runCli(['generate', model, '--prompt', chat.prompt, '--max-tokens', '128']);
    expect(run).toMatchObject({ exitCode: 0, stdout: `${chat.text}\n` });
    expect(run.stderr).toMatch(
      /^prompt: 25 tokens at [\d.]+ tokens\/s; text: \d+ tokens at [\d.]+ tokens\/s, ended by (<\|im_end\|>|--max-tokens 128)\n$/,
    );
  });

  it('reads standard input, prints at the end, and says nothing else when it is told to', async () => {
    const run = await runCli(
      ['generate', model, '--prompt', '-', '--raw', '--no-stream', '-q', '--max-tokens', '128'],
      { started: (child) => child.stdin?.end(`${raw.prompt}\n`) },
    );
    expect(run).toEqual({ exitCode: 0, stdout: `${raw.text}\n`, stderr: '', signal: null });
  });

  it('holds everything in one JSON document', async () => {
    const args = ['--prompt', raw.prompt, '--raw', '--max-tokens', '12', '--backend', 'reference', '--json'];
    const run = await runCli(['generate', model, ...args]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const { schema, ok, env, result } = documentOf(run);
    expect({ schema, ok, backend: env.backend }).toEqual({
      schema: 'cider.generate/1',
      ok: true,
      backend: 'reference',
    });
    expect(result).toMatchObject({
      model,
      config: 'fp16',
      decode: 'w8a16',
      prompt: { tokens: 11, template: null },
      tokens: 12,
      finishReason: 'length',
      stopToken: null,
    });
    expect(raw.text.startsWith(result.text)).toBe(true);
    expect(result.timings.decodeTokensPerSecond).toBeGreaterThan(0);
  });

  it('takes a converted model as it is, and writes what it writes when it is quantized while loading', async () => {
    const out = join(temporaryFolder(), 'w4a8');
    await runCli(['convert', model, '-o', out, '--mode', 'w4a8', '--gs', '64']);
    const textOf = async (args: readonly string[]): Promise<Generated['result']> =>
      documentOf(await runCli(['generate', ...args, '--prompt', chat.prompt, '--max-tokens', '40', '--json'])).result;
    const converted = await textOf([out]);
    expect(converted).toMatchObject({ config: 'w4a8-g64', tokens: 40 });
    expect(await textOf([model, '--config', 'w4a8-g64'])).toMatchObject({ text: converted.text });
    const refused = await runCli(['generate', out, '--prompt', 'x', '--config', 'fp16']);
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toContain('hint: leave --config away, or give the float checkpoint');
  });

  it('samples by its seed', async () => {
    const textOf = async (seed: string): Promise<string> => {
      const args = ['--prompt', chat.prompt, '--max-tokens', '24', '--temp', '1.2', '--top-p', '0.9', '--seed', seed];
      return (await runCli(['generate', model, ...args, '-q'])).stdout;
    };
    const first = await textOf('1');
    expect(await textOf('1')).toBe(first);
    expect(await textOf('2')).not.toBe(first);
  });

  it('says that there is no chat template, and does without', async () => {
    const folder = modelWith({ 'tokenizer_config.json': '{}' });
    const run = await runCli(['generate', folder, '--prompt', raw.prompt, '--max-tokens', '8', '--no-stream']);
    expect(run.exitCode).toBe(0);
    expect(raw.text.startsWith(run.stdout.trimEnd())).toBe(true);
    expect(run.stderr).toContain('the model has no chat template: the prompt is given to it as it is\n');
    const system = await runCli(['generate', folder, '--prompt', 'x', '--system', 'y', '--json']);
    expect(system.exitCode).toBe(2);
    expect(documentOf(system).error?.code).toBe('E_NO_CHAT_TEMPLATE');
  });

  it.each([
    ['loops', '{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}'],
    ['memory', `{% set a = range(10000) %}${'{% set a = a + a %}'.repeat(20)}{{ a | length }}`],
    ['range', '{% for i in range(10000000) %}{% endfor %}'],
    ['raise_exception', "{{ raise_exception('\\u001b[2J no') }}"],
  ])('survives a template that attacks by %s', async (_, template) => {
    const run = await runCli(['generate', withTemplate(template), '--prompt', 'x']);
    expect(run).toMatchObject({ exitCode: 3, stdout: '', signal: null });
    expect(run.stderr).toMatch(
      /^error: tokenizer_config.json: the chat template cannot be used: .+\nhint: --raw gives/,
    );
    expect(run.stderr).not.toContain('\u001b');
  });

  it.each([
    [['--prompt', ''], 3, 'E_PROMPT_EMPTY'],
    [['--prompt', 'x '.repeat(600)], 3, 'E_PROMPT_TOO_LONG'],
    [['--prompt', 'x', '--ctx', '20', '--max-tokens', '20'], 2, 'E_MAX_TOKENS_TOO_LARGE'],
    [['--prompt', 'x', '--ctx', '513'], 2, 'E_CTX_TOO_LARGE'],
    [['--prompt', 'x', '--config', 'w3a8'], 2, 'E_CONFIGURATION'],
    [['--prompt', 'x', '--temp', '-1'], 2, 'E_USAGE'],
    [['--prompt', 'x', '--temp', 'warm'], 2, 'E_USAGE'],
    [['--prompt', 'x', '--top-p', '0'], 2, 'E_USAGE'],
    [['--prompt', 'x', '--top-k', '0'], 2, 'E_USAGE'],
    [['--prompt', 'x', '--seed', '1.5'], 2, 'E_USAGE'],
    [['--prompt', 'x', '--max-tokens', '0'], 2, 'E_USAGE'],
    [['--prompt', 'x', '--decode', 'w4a4'], 2, 'E_USAGE'],
    [[], 2, 'E_USAGE'],
  ])('%j exits %d with %s', async (args, exitCode, code) => {
    const run = await runCli(['generate', model, ...args, '--json']);
    expect(run.exitCode).toBe(exitCode);
    expect(documentOf(run).error?.code).toBe(code);
  });

  it('names a token that the model has no embedding for', async () => {
    const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8')) as object;
    const tokenizer = JSON.parse(readFileSync(join(model, 'tokenizer.json'), 'utf8')) as { added_tokens: object[] };
    const [special] = tokenizer.added_tokens;
    tokenizer.added_tokens.push({ ...special, id: 1600, content: '<far>' });
    const folder = modelWith({ 'config.json': JSON.stringify(config), 'tokenizer.json': JSON.stringify(tokenizer) });
    const run = await runCli(['generate', folder, '--prompt', 'x <far>', '--json']);
    expect(run.exitCode).toBe(3);
    expect(documentOf(run).error).toMatchObject({ code: 'E_TOKENIZER_ID' });
  });

  it('refuses standard input that is no text', async () => {
    const run = await runCli(['generate', model, '--prompt', '-'], {
      started: (child) => child.stdin?.end(Uint8Array.of(0x41, 0xff)),
    });
    expect(run).toMatchObject({ exitCode: 3, stdout: '', stderr: 'error: standard input: not valid UTF-8\n' });
  });

  it.each([true, false])('prints what there is when it is interrupted (JSON: %s)', async (json) => {
    const folder = modelWith({ 'generation_config.json': '{}' });
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object;
    const endless = { ...config, eos_token_id: null, max_position_embeddings: 8192 };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(endless));
    const args = ['--prompt', raw.prompt, '--raw', '--max-tokens', '5000', '--backend', 'reference'];
    let stop: NodeJS.Timeout | undefined;
    const run = await runCli(['generate', folder, ...args, ...(json ? ['--json'] : [])], {
      started: (child) => {
        const interrupt = (): void => {
          stop ??= setTimeout(() => child.kill('SIGINT'), 300);
        };
        // A text that streams says when it has begun; JSON does not.
        if (json) setTimeout(interrupt, 3000);
        else child.stdout?.once('data', interrupt);
      },
    });
    expect(run.exitCode).toBe(130);
    if (json) {
      const { ok, result, error } = documentOf(run);
      expect({ ok, code: error?.code }).toEqual({ ok: false, code: 'E_INTERRUPTED' });
      expect(result.finishReason).toBe('interrupted');
      expect(result.text.startsWith(raw.text.slice(0, 20))).toBe(true);
    } else {
      expect(run.stdout.startsWith(raw.text.slice(0, 5))).toBe(true);
      expect(run.stderr).toMatch(/^prompt: 11 tokens .*, interrupted\nerror: interrupted\n$/);
    }
  });
});
