/** Throws the `RangeError` of an operation whose arguments do not fit together. */
export function check(holds: boolean, operation: string, problem: string): asserts holds {
  if (!holds) throw new RangeError(`${operation}: ${problem}`);
}

/** Sizes that count something: 1, 2, 3 … */
export function checkSize(operation: string, name: string, size: number): void {
  check(Number.isSafeInteger(size) && size > 0, operation, `${name} must be a positive integer, not ${size}`);
}

/** A matrix as error messages write it. */
export const shapeOf = (rows: number, columns: number): string => `[${rows}, ${columns}]`;
