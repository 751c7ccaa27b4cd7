/** Arrays that begin one element after a 64-byte boundary at best, as slices of larger arrays do. */

export function floatsOffAlignment(length: number): Float32Array {
  return new Float32Array(length + 1).subarray(1);
}

export function codesOffAlignment(length: number): Int8Array {
  return new Int8Array(length + 1).subarray(1);
}

export function halvesOffAlignment(length: number): Uint16Array {
  return new Uint16Array(length + 1).subarray(1);
}
