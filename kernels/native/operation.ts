import type { Fields, NumberArray } from './field.ts';

/** A function `int cider_<name>(cider_device *, const cider_<name>_params *)` of cider.h. */
export interface Operation<Params extends object> {
  readonly fields: Fields<Params>;
  /** Elements that arrays must have at least, so that the library stays inside of them. */
  readonly lengths: (params: Params) => readonly (readonly [name: string, array: NumberArray, length: number])[];
}

/** @throws RangeError if an array is too short for what the sizes say */
export function checkLengths<Params extends object>(name: string, operation: Operation<Params>, params: Params): void {
  for (const [member, array, length] of operation.lengths(params)) {
    if (array.length >= length) continue;
    throw new RangeError(`${name}: ${member} holds ${array.length} elements, but ${length} are needed`);
  }
}
