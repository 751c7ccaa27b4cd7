import { describe, expect, it } from 'vitest';
import { parseTrial } from './trial.ts';

describe('parseTrial', () => {
  it('takes a line for a step', () => {
    expect(parseTrial('ok\tsystem\tmacOS 26.5\nwarn\tlayout\tone\ttwo\nfail\tgemm\t\n')).toEqual([
      { status: 'ok', name: 'system', detail: 'macOS 26.5' },
      { status: 'warn', name: 'layout', detail: 'one two' },
      { status: 'fail', name: 'gemm', detail: '' },
    ]);
    expect(parseTrial('')).toEqual([]);
  });

  it.each(['ok', 'ok\tsystem', 'good\tsystem\tmacOS', 'macOS\n26.5\tis\told'])('refuses %j', (report) => {
    expect(() => parseTrial(report)).toThrow('the library reports what is no step: ');
  });
});
