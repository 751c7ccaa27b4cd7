import { groupsPerRow } from './scheme.ts';

/**
 * Scales (or biases) of groups of one size for groups of another, without a change in what any code stands for: repeated
 * where groups are cut, merged where all that become one have the same.
 *
 * @param scales `[rows, groupsPerRow(columns, from)]`; sizes count columns, 0 = the whole row
 * @returns `[rows, groupsPerRow(columns, to)]`; undefined where the groups do not fit, or scales to be merged differ
 */
export function regroup(scales: Float32Array, columns: number, from: number, to: number): Float32Array | undefined {
  const [fromSize, toSize] = [from || columns, to || columns];
  if (fromSize === toSize) return scales;
  const [fromGroups, toGroups] = [groupsPerRow(columns, from), groupsPerRow(columns, to)];
  const rows = scales.length / fromGroups;
  const result = new Float32Array(rows * toGroups);
  if (fromSize % toSize === 0) {
    for (let i = 0; i < result.length; i++) {
      const row = Math.floor(i / toGroups);
      result[i] = scales[row * fromGroups + Math.floor(((i - row * toGroups) * toSize) / fromSize)];
    }
    return result;
  }
  if (toSize % fromSize !== 0) return undefined;
  const merged = toSize / fromSize;
  for (let i = 0; i < scales.length; i++) {
    const row = Math.floor(i / fromGroups);
    const group = i - row * fromGroups;
    const target = row * toGroups + Math.floor(group / merged);
    if (group % merged === 0) result[target] = scales[i];
    else if (result[target] !== scales[i]) return undefined;
  }
  return result;
}
