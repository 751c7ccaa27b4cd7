import type { CaseOutput } from './run-case.ts';

/** Where an output first differs from the reference's. */
export interface Difference {
  output: CaseOutput['name'];
  row: number;
  column: number;
  expected: Value;
  actual: Value;
  /** Elements of this output that differ, of how many. */
  different: number;
  elements: number;
}

export interface Value {
  /** As text, since JSON has neither NaN nor infinities. */
  value: string;
  /** Bit pattern in hexadecimal, `0x3f800000` for instance. */
  bits: string;
}

/**
 * The first element, output by output, whose bits differ. Any NaN equals any other: their sign and payload depend on the
 * processor, and docs/numerics.md only says where they stand.
 *
 * @throws RangeError if the outputs are not of the same kind and length
 */
export function compareOutputs(expected: readonly CaseOutput[], actual: readonly CaseOutput[]): Difference | undefined {
  if (expected.length !== actual.length) {
    const namesOf = (outputs: readonly CaseOutput[]): string => outputs.map(({ name }) => name).join(', ');
    throw new RangeError(`${namesOf(actual)} instead of ${namesOf(expected)}`);
  }
  for (const [i, output] of expected.entries()) {
    const difference = compareOutput(output, actual[i]);
    if (difference) return difference;
  }
  return undefined;
}

function compareOutput(expected: CaseOutput, actual: CaseOutput): Difference | undefined {
  const { name, columns, values } = expected;
  const others = actual.values;
  if (others.constructor !== values.constructor || others.length !== values.length) {
    throw new RangeError(
      `${name} came as ${others.constructor.name} of ${others.length}, not ${values.constructor.name} of ${values.length}`,
    );
  }
  const [left, right] = [patterns(values), patterns(others)];
  let first = -1;
  let different = 0;
  for (let i = 0; i < left.length; i++) {
    if (left[i] === right[i] || (Number.isNaN(values[i]) && Number.isNaN(others[i]))) continue;
    if (different++ === 0) first = i;
  }
  if (first === -1) return undefined;
  const valueAt = (array: CaseOutput['values'], bits: Int32Array | Int8Array): Value => {
    const digits = 2 * array.BYTES_PER_ELEMENT;
    const pattern = BigInt.asUintN(4 * digits, BigInt(bits[first]));
    return { value: String(array[first]), bits: `0x${pattern.toString(16).padStart(digits, '0')}` };
  };
  return {
    output: name,
    row: Math.floor(first / columns),
    column: first % columns,
    expected: valueAt(values, left),
    actual: valueAt(others, right),
    different,
    elements: left.length,
  };
}

/** The elements as integers, so that 0 and -0 differ. */
function patterns(values: CaseOutput['values']): Int32Array | Int8Array {
  return values instanceof Float32Array ? new Int32Array(values.buffer, values.byteOffset, values.length) : values;
}
