/**
 * The steps of docs/writing-int8-gemm-for-m5.md over the emulator: each is right, each mistake shows, and the page says so.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { root } from '../../kernels/build/sources.mjs';
import { mistakes } from './mistakes.mjs';
import { buildRunner, runStep } from './run-steps.mjs';

const page = readFileSync(join(root, 'docs/writing-int8-gemm-for-m5.md'), 'utf8');
const folder = join(root, 'docs/int8-gemm-steps');
const files = readdirSync(folder).filter((name) => name.endsWith('.metal'));
const steps = files.map((name) => name.replace(/\.metal$/, ''));
const fillRegisters = ['step-6-fragments', 'step-7-blocks', 'step-8-groups'];

let runner;
let work;
before(async () => {
  work = mkdtempSync(join(tmpdir(), 'cider-tutorial-'));
  runner = await buildRunner(work);
});
after(() => rmSync(work, { recursive: true }));

const passed = { status: 0, signal: null, stderr: '' };

describe('each step', () => {
  for (const step of steps) {
    it(`${step} is bit by bit right, whatever the order of lanes`, async () => {
      for (const order of ['forward', 'backward', '5']) {
        assert.deepEqual(await runStep(runner, step, { CIDER_EMULATOR_ORDER: order }), passed, order);
      }
    });

    const needsLayout = fillRegisters.includes(step);
    it(`${step} ${needsLayout ? 'needs' : 'does not know'} the layout of M5`, async () => {
      for (const layout of ['pre-m5', '7']) {
        const { status, signal } = await runStep(runner, step, { CIDER_EMULATOR_LAYOUT: layout });
        assert.equal(status === 0, !needsLayout, `${layout}: ${status} ${signal}`);
      }
    });
  }
});

describe('each mistake', () => {
  for (const mistake of mistakes) {
    it(`${mistake.step}: ${mistake.name}`, async () => {
      const { status, signal, stderr } = await runStep(runner, mistake.step, {}, mistake);
      assert.notEqual(status, 0);
      if (mistake.signal) assert.equal(signal, mistake.signal);
      else assert.ok(stderr.includes(mistake.says), stderr);
    });
  }

  it('of leaving the last product to the hardware does not show where nothing is flushed', async () => {
    const mistake = mistakes.find(({ name }) => name === 'the last product by the hardware');
    const settings = { CIDER_EMULATOR_SUBNORMALS: 'keep' };
    assert.deepEqual(await runStep(runner, mistake.step, settings, mistake), passed);
  });
});

describe('the page', () => {
  it('has a link to each step', () => {
    for (const file of files) assert.ok(page.includes(`](int8-gemm-steps/${file})`), file);
  });

  it('quotes what the steps say', () => {
    const texts = files.map((file) => readFileSync(join(folder, file), 'utf8'));
    const quotes = [...page.matchAll(/```metal\n([^]*?)```/g)].map(([, quote]) => quote);
    assert.ok(quotes.length >= steps.length);
    for (const quote of quotes)
      assert.ok(
        texts.some((text) => text.includes(quote)),
        quote,
      );
  });

  it('says what the mistakes do', () => {
    const words = page.replaceAll(/\s+/g, ' ');
    for (const { says, name } of mistakes) assert.ok(says === undefined || words.includes(says), name);
  });

  it('names files that exist', () => {
    for (const [, target] of page.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.doesNotThrow(() => readFileSync(join(root, 'docs', target)), target);
    }
  });
});
