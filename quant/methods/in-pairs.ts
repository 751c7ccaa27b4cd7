import type { LinearAlgebra } from '../../kernels/linear-algebra.ts';

/**
 * Works on the pieces in order, on two at a time: while one waits for a product of matrices, which other threads compute,
 * the loops of the other have this thread. When one fails, no piece is begun any more, and the other one is awaited.
 *
 * @throws what failed first
 */
export async function inPairs<Piece>(pieces: Iterable<Piece>, work: (piece: Piece) => Promise<void>): Promise<void> {
  const left = pieces[Symbol.iterator]();
  const failures: unknown[] = [];
  const takePieces = async (): Promise<void> => {
    for (let next = left.next(); !next.done && failures.length === 0; next = left.next()) {
      await work(next.value).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all([takePieces(), takePieces()]);
  if (failures.length > 0) throw failures[0];
}

/** An algebra for several computations at once: each call waits for those that came before it. */
export function takingTurns(algebra: LinearAlgebra): LinearAlgebra {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    (...args: Args): Promise<Result> => {
      const result = last.then(() => call(...args));
      last = result.catch(() => undefined);
      return result;
    };
  return {
    multiplyAdd: inTurn(algebra.multiplyAdd.bind(algebra)),
    inverseFactor: inTurn(algebra.inverseFactor.bind(algebra)),
    hadamard: inTurn(algebra.hadamard.bind(algebra)),
    accumulate: inTurn(algebra.accumulate.bind(algebra)),
  };
}
