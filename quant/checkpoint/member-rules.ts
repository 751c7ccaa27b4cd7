import type { ConfigFields } from './config-fields.ts';
import { quoted } from './quoted.ts';
import { isJsonObject, type JsonValue } from './strict-json.ts';

/** What a member may be when it is there and not null. */
export interface MemberRule {
  expected: string;
  accepts: (value: JsonValue) => boolean;
}

export type Members = Readonly<Record<string, MemberRule>>;

/** Checked elsewhere, or without effect on the arithmetic. */
export const anything: MemberRule = { expected: 'anything', accepts: () => true };

/** Only null, false or an empty object: the feature that the member stands for is not supported. */
export const nothing: MemberRule = {
  expected: 'null',
  accepts: (value) => value === false || (isJsonObject(value) && value.size === 0),
};

export function oneOf(...values: readonly (string | number | boolean)[]): MemberRule {
  return { expected: values.join(' or '), accepts: (value) => values.some((known) => known === value) };
}

/** Refuses members that are not in `members` or break their rule, and the absence of the `required` ones. */
export function checkMembers(fields: ConfigFields, members: Members, required: readonly string[]): void {
  for (const [name, value] of fields.object) {
    if (value === null) continue;
    if (!Object.hasOwn(members, name)) {
      throw fields.refusal(name, `${quoted(name)} is not among the known members: ${Object.keys(members).join(', ')}`);
    }
    if (!members[name].accepts(value)) throw fields.refusal(name, `expected ${members[name].expected}`);
  }
  for (const name of required) {
    if (!fields.has(name)) fields.failMissing(name, members[name].expected);
  }
}
