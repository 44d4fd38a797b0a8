/** A row of a table: a key, by whose bytes rows are sorted, and a value. */
export interface Row {
  key: Uint8Array;
  value: Uint8Array;
}

/** Order of keys: byte by byte, a shorter one before those that it begins. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

export const equalKeys = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && compareKeys(a, b) === 0;

/** A copy of a row, which stays valid when the next one is read. */
export const copyOf = ({ key, value }: Row): Row => ({ key: Buffer.from(key), value: Buffer.from(value) });

/**
 * The rows of several sorted sequences in order; of equal keys, those of earlier sequences come first. A row is valid
 * until the next one is asked for.
 */
export function* mergeRows(sequences: readonly Iterator<Row>[]): Generator<Row> {
  if (sequences.length === 1) {
    for (let next = sequences[0].next(); !next.done; next = sequences[0].next()) yield next.value;
    return;
  }
  const rows: (Row | undefined)[] = sequences.map((one) => nextOf(one));
  const before = (a: number, b: number) => (compareKeys(rows[a]!.key, rows[b]!.key) || a - b) < 0;
  const heap = rows.flatMap((row, i) => (row ? [i] : []));
  const sink = (from: number) => {
    for (let at = from; ;) {
      let child = 2 * at + 1;
      if (child >= heap.length) return;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], heap[at])) return;
      [heap[at], heap[child]] = [heap[child], heap[at]];
      at = child;
    }
  };
  for (let i = heap.length >> 1; i >= 0; i--) sink(i);
  while (heap.length > 0) {
    const first = heap[0];
    yield rows[first]!;
    rows[first] = nextOf(sequences[first]);
    if (!rows[first]) {
      const last = heap.pop()!;
      if (heap.length === 0) return;
      heap[0] = last;
    }
    sink(0);
  }
}

function nextOf(sequence: Iterator<Row>): Row | undefined {
  const next = sequence.next();
  return next.done ? undefined : next.value;
}

/** Whether work has gone on long enough that other tasks of the process, such as the renewal of locks, need a turn. */
export class Turns {
  #count = 0;
  #until = performance.now() + TURN;

  /** Cheap: it looks at the clock once in a thousand calls. */
  due(): boolean {
    if ((++this.#count & 1023) !== 0) return false;
    return performance.now() > this.#until;
  }

  /** Gives others a turn. @throws the signal's reason */
  async give(signal?: AbortSignal): Promise<void> {
    await new Promise((done) => setImmediate(done));
    signal?.throwIfAborted();
    this.#until = performance.now() + TURN;
  }
}

/** Milliseconds of work without a turn for others. */
const TURN = 50;
