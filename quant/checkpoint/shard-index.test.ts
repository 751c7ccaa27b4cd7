import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layoutFile, planShards, type TensorSpec } from './safetensors-layout.ts';
import {
  checkShardFiles,
  checkShardTensors,
  indexLimits,
  isModelFile,
  parseWeightMap,
  shardIndex,
} from './shard-index.ts';
import { parseJson } from './strict-json.ts';

describe('shardIndex', () => {
  it('is the text that transformers writes', () => {
    const tensors: TensorSpec[] = ['b', 'a.10', 'a.9'].map((name) => ({ name, dtype: 'BF16', shape: [4] }));
    const shards = planShards(
      tensors.map((tensor) => [tensor]),
      16,
    );
    expect(shardIndex(shards.map(({ name, groups }) => ({ name, layout: layoutFile(groups.flat()) })))).toBe(`{
  "metadata": {
    "total_size": 24
  },
  "weight_map": {
    "a.10": "model-00001-of-00002.safetensors",
    "a.9": "model-00001-of-00002.safetensors",
    "b": "model-00002-of-00002.safetensors"
  }
}
`);
  });

  it('is read back and agrees with its shards', () => {
    const names = fc.uniqueArray(
      fc.string({ unit: 'binary', maxLength: 6 }).filter((name) => name !== '__metadata__'),
      {
        minLength: 1,
      },
    );
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 20 }), (all, limit) => {
        const groups = all.map((name): TensorSpec[] => [{ name, dtype: 'U8', shape: [3] }]);
        const shards = planShards(groups, limit).map(({ name, groups }) => ({
          name,
          layout: layoutFile(groups.flat()),
        }));
        const text = Buffer.from(shardIndex(shards));
        const weightMap = parseWeightMap(parseJson(text, 'x', indexLimits), 'x');
        expect(new Set(weightMap.keys())).toEqual(new Set(all));
        expect(
          checkShardFiles(
            weightMap,
            shards.map(({ name }) => name),
            'x',
          ),
        ).toHaveLength(shards.length);
        checkShardTensors(
          weightMap,
          new Map(shards.map(({ name, layout }) => [name, [...layout.offsets.keys()]])),
          'x',
        );
      }),
    );
  });
});

describe('checkShardFiles', () => {
  const weightMap = new Map([['a', 'model-00001-of-00001.safetensors']]);

  it('lets files alone that are no shards of the model', () => {
    const others = ['consolidated.safetensors', 'model.fp32-00001-of-00002.safetensors', 'adapter_model.safetensors'];
    expect(checkShardFiles(weightMap, [...weightMap.values(), ...others, 'config.json'], 'x')).toHaveLength(1);
  });

  it('refuses a whole model beside the shards', () => {
    expect(() => checkShardFiles(weightMap, [...weightMap.values(), 'model.safetensors'], 'x')).toThrow(
      'the index does not mention: "model.safetensors"',
    );
  });

  it('lists what is missing, but not thousands of names', () => {
    const many = new Map(Array.from({ length: 1000 }, (_, i) => [`t${i}`, `s${i}.safetensors`]));
    expect(() => checkShardFiles(many, [], 'x')).toThrow(/1000 of 1000 files are missing: .* and 995 more$/);
  });
});

describe('isModelFile', () => {
  it.each([
    ['model.safetensors', true],
    ['model-00001-of-00002.safetensors', true],
    ['model-1-of-2.safetensors', false],
    ['xmodel.safetensors', false],
    ['model.safetensors.tmp', false],
  ])('%s: %s', (name, expected) => {
    expect(isModelFile(name)).toBe(expected);
  });
});
