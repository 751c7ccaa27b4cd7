import type { ConfigFields, Range } from './config-fields.ts';
import type { Family } from './families.ts';

const CAP: Range = { min: 1e-3, max: 1e6 };

/** By family whose code reads the member: its value where it is absent. */
const defaultCaps: Readonly<Record<string, Partial<Readonly<Record<Family, number | undefined>>>>> = {
  attn_logit_softcapping: { gemma2: 50 },
  final_logit_softcapping: { gemma2: 30, gemma3_text: undefined },
};

/** The cap of values x that become cap · tanh(x / cap); null means none. */
export function readSoftCap(
  fields: ConfigFields,
  family: Family,
  name: 'attn_logit_softcapping' | 'final_logit_softcapping',
): number | undefined {
  const given = fields.number(name, CAP);
  if (!Object.hasOwn(defaultCaps[name], family)) {
    if (given !== undefined) throw fields.refusal(name, `${family} models have no such cap`);
    return undefined;
  }
  return fields.object.has(name) ? given : defaultCaps[name][family];
}
