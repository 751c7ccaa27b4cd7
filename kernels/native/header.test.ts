import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ABI_VERSION, functionNames } from '../native.ts';
import { typesOf, type CMembers, type CType } from './field.ts';
import { operations } from './operations.ts';
import { floatFormats, openFields, weightFields, weightKinds } from './weight-params.ts';

// Nothing but this compares the two sides of the interface: FFI believes what it is told.

const header = readFileSync(new URL('../../../kernels/cider.h', import.meta.url), 'utf8').replace(/\/\*.*?\*\//gs, '');

/** Structs of cider.h: types of their members in order. */
const structs = new Map(
  [...header.matchAll(/typedef struct \{([^}]*)\} (cider_\w+);/g)].map(([, body, name]) => [name, membersOf(body)]),
);

/** `const cider_buffer *a, *b;` declares two members; pointers are all alike but for text. */
function membersOf(body: string): [string, CType][] {
  return body.split(';').flatMap((declaration): [string, CType][] => {
    const match = /^\s*(?:const )?(\w+) (.*)$/s.exec(declaration);
    if (!match) return [];
    const [, type, declarators] = match;
    return declarators.split(',').map((declarator) => {
      const name = declarator.replace('*', '').trim();
      if (!declarator.includes('*')) return [name, type as CType];
      return [name, type === 'char' ? 'const char *' : 'void *'];
    });
  });
}

const ours = (members: CMembers): [string, CType][] =>
  Object.entries(members).map(([name, type]) => [name, typeof type === 'string' ? type : ('cider_bytes' as CType)]);

const enumerators = new Map(
  [...header.matchAll(/(CIDER_\w+) = (\d+)/g)].map(([, name, value]) => [name, Number(value)]),
);

describe('cider.h', () => {
  it('has the version that is expected', () => {
    expect(header).toContain(`#define CIDER_ABI_VERSION ${ABI_VERSION}\n`);
  });

  it('has the functions that are called, and no others but the size of a file', () => {
    const declared = [...header.matchAll(/(cider_\w+)\(/g)].map(([, name]) => name);
    expect([...functionNames, 'cider_file_bytes'].sort()).toEqual(declared.sort());
  });

  it.each(Object.entries(operations))('has the parameters of %s', (name, { fields }) => {
    const struct = structs.get(`cider_${name}_params`) ?? structs.get('cider_elementwise_params');
    expect(ours(typesOf<object>(fields))).toEqual(struct);
  });

  it('has the parameters of devices and weights', () => {
    expect(ours(typesOf(openFields))).toEqual(structs.get('cider_open_params'));
    expect(ours(typesOf(weightFields))).toEqual(structs.get('cider_weight_params'));
    expect(ours(typesOf(weightFields)['data'] as CMembers)).toEqual(structs.get('cider_bytes'));
  });

  it('numbers formats and kinds as we do', () => {
    for (const [name, value] of Object.entries(floatFormats)) expect(enumerators.get(`CIDER_${name}`)).toBe(value);
    for (const [name, value] of Object.entries(weightKinds)) {
      expect(enumerators.get(`CIDER_${name.toUpperCase()}`)).toBe(value);
    }
  });
});
