/** By UTF-8 bytes, as Rust and C compare strings; JavaScript's own order differs outside the basic plane. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/**
 * Names as a model has them in order: numbers count by their value, so that layer 2 comes before layer 10. Digits
 * never become floats, and a tie (`01`, `1`) goes to the bytes: a total order.
 */
export function compareNatural(a: string, b: string): number {
  const [left, right] = [split(a), split(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = i % 2 === 1 ? compareDigits(left[i], right[i]) : compareBytes(left[i], right[i]);
    if (order !== 0) return order;
  }
  return left.length - right.length || compareBytes(a, b);
}

/** Text and digits in turn, text first. */
const split = (name: string): string[] => name.split(/(\d+)/);

function compareDigits(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return left.length - right.length || compareBytes(left, right);
}
