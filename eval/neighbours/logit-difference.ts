/** What two programs say after each token of a sequence. */
export interface ComparedLogits {
  /** `[rows, columns]` */
  ours: Float32Array;
  /**
   * The same rows of the other program: logits, or log-probabilities in nats, of which some may be NaN: not told. Tokens
   * that are not told count as one, with what remains of the probability.
   */
  theirs: Float32Array;
  theirKind: 'logits' | 'logprobs';
  columns: number;
  /** `[rows]` */
  tokenIds: Int32Array;
}

export interface LogitDifference {
  /** KL divergence of their distributions from ours, in nats: mean and largest of all rows. */
  meanKl: number;
  maxKl: number;
  /** Largest difference of two log-probabilities, divided by the largest of our logits' magnitudes in the same row. */
  maxRelative: number;
  /** Share of the rows in which both hold the same token for the likeliest. */
  sameTop: number;
  /** Of the tokens after the first, each given those before it. */
  perplexity: { ours: number; theirs: number };
}

export function compareLogits({ ours, theirs, theirKind, columns, tokenIds }: ComparedLogits): LogitDifference {
  const rows = tokenIds.length;
  const losses = { ours: 0, theirs: 0 };
  let [sumKl, maxKl, maxRelative, sameTop] = [0, 0, 0, 0];
  for (let row = 0; row < rows; row++) {
    const logits = ours.subarray(row * columns, (row + 1) * columns);
    const told = theirs.subarray(row * columns, (row + 1) * columns);
    const p = logSoftmax(logits);
    const q = theirKind === 'logits' ? logSoftmax(told) : Float64Array.from(told);
    const kl = klDivergence(p, q, theirKind === 'logprobs');
    sumKl += kl;
    // Math.max keeps NaN, which is above any limit.
    maxKl = Math.max(maxKl, kl);
    maxRelative = Math.max(maxRelative, largestDifference(p, q) / largestMagnitude(logits));
    if (indexOfLargest(p) === indexOfLargest(q)) sameTop++;
    if (row + 1 < rows) {
      losses.ours -= p[tokenIds[row + 1]];
      losses.theirs -= q[tokenIds[row + 1]];
    }
  }
  return {
    meanKl: sumKl / rows,
    maxKl,
    maxRelative,
    sameTop: sameTop / rows,
    perplexity: { ours: Math.exp(losses.ours / (rows - 1)), theirs: Math.exp(losses.theirs / (rows - 1)) },
  };
}

/** In f64. */
function logSoftmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  const sum = logits.reduce((total, value) => total + Math.exp(value - largest), 0);
  const logSum = largest + Math.log(sum);
  return Float64Array.from(logits, (value) => value - logSum);
}

/** What little probability is left where rounding took it all: the least that a double holds in full. */
const LEAST = 2 ** -1022;

/**
 * Σ p · (log p - log q) in nats.
 *
 * @param partly NaN in q stands for tokens that count as one
 * @returns NaN where q says nothing at all, or NaN of a token that it should tell
 */
function klDivergence(p: Float64Array, q: Float64Array, partly: boolean): number {
  let [sum, restOfP, toldQ, told] = [0, 0, 0, 0];
  for (let i = 0; i < p.length; i++) {
    const probability = Math.exp(p[i]);
    if (partly && Number.isNaN(q[i])) {
      restOfP += probability;
    } else {
      told++;
      toldQ += Math.exp(q[i]);
      // 0 · (−∞ − …) is 0 here, as in the limit.
      if (probability > 0) sum += probability * (p[i] - q[i]);
    }
  }
  if (told === 0) return NaN;
  if (restOfP === 0) return sum;
  return sum + restOfP * (Math.log(restOfP) - Math.log(Math.max(1 - toldQ, LEAST)));
}

function largestDifference(p: Float64Array, q: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < p.length; i++) {
    const difference = Math.abs(p[i] - q[i]);
    if (difference > largest) largest = difference;
  }
  return largest;
}

const largestMagnitude = (values: Float32Array): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** NaN is never the largest. */
function indexOfLargest(values: Float64Array): number {
  let index = -1;
  for (let i = 0; i < values.length; i++) {
    if (index === -1 ? !Number.isNaN(values[i]) : values[i] > values[index]) index = i;
  }
  return index;
}
