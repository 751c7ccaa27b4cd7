import type { ConfigFields } from '../config-fields.ts';
import { anything, checkMembers, nothing, oneOf, type Members } from '../member-rules.ts';
import type { CodeBits, InputScheme, WeightScheme } from './layer-scheme.ts';

/** Members of any quantization arguments. */
const commonMembers: Members = {
  num_bits: anything,
  type: anything,
  symmetric: oneOf(true, false),
  strategy: anything,
  group_size: anything,
  dynamic: anything,
  actorder: nothing,
  block_structure: nothing,
  // The scales themselves say what they are written in.
  scale_dtype: oneOf('torch.float32', 'torch.float16', 'torch.bfloat16'),
  zp_dtype: oneOf('torch.int8'),
  // How the scales were found.
  observer: anything,
  observer_kwargs: anything,
};

const weightMembers: Members = {
  ...commonMembers,
  num_bits: oneOf(2, 3, 4, 5, 6, 7, 8),
  type: oneOf('int'),
  strategy: oneOf('tensor', 'channel', 'group'),
  dynamic: oneOf(false),
  // `static` and its alias `weight` say in which order GPTQ took the columns, which stay in their places all the same.
  actorder: oneOf('static', 'weight', 'group', 'dynamic', false),
};

/** Any of these: inputs of other kinds do not change what the weights are. */
const inputMembers: Members = {
  ...commonMembers,
  num_bits: anything,
  block_structure: anything,
  scale_dtype: anything,
  zp_dtype: anything,
};

/** One group cannot have more columns than the widest layer. */
const GROUP_SIZES = { min: -1, max: 2 ** 24 };

/**
 * `weights` of a scheme; absent members mean what they mean to compressed-tensors.
 *
 * @throws InputError `E_CONFIG_FIELD`, `E_CONFIG_FIELD_MISSING`
 */
export function readWeightArguments(fields: ConfigFields, isPacked: boolean): WeightScheme {
  checkMembers(fields, weightMembers, ['num_bits']);
  const bits = fields.requiredInteger('num_bits', { min: 2, max: 8 }) as CodeBits;
  const size = fields.integer('group_size', GROUP_SIZES);
  const strategy = readStrategy(fields, size);
  const order = fields.object.get('actorder');
  const hasColumnGroups = order === 'group' || order === 'dynamic';
  if (hasColumnGroups && strategy !== 'group') throw fields.refusal('actorder', 'expected strategy group with it');
  return {
    bits,
    isSymmetric: fields.boolean('symmetric') ?? true,
    strategy,
    groupSize: strategy === 'group' ? (size ?? 0) : 0,
    isPacked,
    hasColumnGroups,
  };
}

/** Without a strategy, the group size implies it: none a scale for the tensor, -1 one a row. */
function readStrategy(fields: ConfigFields, size: number | undefined): WeightScheme['strategy'] {
  const strategy = fields.string('strategy') as WeightScheme['strategy'] | undefined;
  if (size === 0) throw fields.refusal('group_size', 'expected a positive number, or -1 for one scale a row');
  const implied = size === undefined ? 'tensor' : size === -1 ? 'channel' : 'group';
  if (strategy === undefined || strategy === implied) return implied;
  if (strategy === 'group') throw fields.refusal('group_size', 'expected a positive number with strategy group');
  if (implied === 'group') throw fields.refusal('group_size', `expected null with strategy ${strategy}`);
  return strategy;
}

/** `input_activations` of a scheme, if it has any. @throws InputError `E_CONFIG_FIELD` */
export function readInputArguments(fields: ConfigFields | undefined): InputScheme {
  if (!fields) return { kind: 'float' };
  checkMembers(fields, inputMembers, ['num_bits']);
  const bits = fields.requiredInteger('num_bits', { min: 1, max: 64 });
  const type = fields.string('type') ?? 'int';
  const isSymmetric = fields.boolean('symmetric') ?? true;
  const strategy = fields.string('strategy') ?? 'tensor';
  const dynamic = fields.object.get('dynamic') ?? false;
  if (bits === 8 && type === 'int' && isSymmetric && strategy === 'token' && dynamic === true) return { kind: 'int8' };
  const when = dynamic === true ? 'dynamic' : dynamic === false ? 'static' : 'partly dynamic';
  const per = strategy.replace('_', ' ');
  return { kind: 'other', what: `${when} ${type}${bits} per ${per}${isSymmetric ? '' : ', asymmetric'}` };
}
