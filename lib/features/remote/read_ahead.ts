/** Values of a source, in order, or in the order in which their preparations end. */
type Values<T> = Iterable<T> | AsyncIterable<T>;

export interface ReadAhead<T> {
  /** Whether a value needs preparation; others pass at once, and nothing is taken in advance for them. */
  needs: (value: T) => boolean;
  /** Prepares a value. */
  prepare: (value: T, signal: AbortSignal) => Promise<T>;
  /** Undoes the preparation of a value that nobody took. */
  drop: (value: T) => void;
  /** Maximum values that are being prepared, or are prepared and not taken. */
  ahead: number;
}

/**
 * Prepares the next values of a source while the reader works on earlier ones.
 * @throws errors of the source and of preparations
 */
export async function* readAhead<T>(
  values: Values<T>,
  { needs, prepare, drop, ahead }: ReadAhead<T>,
): AsyncGenerator<T> {
  const source = each(values);
  const stop = new AbortController();
  const ready: T[] = [];
  const busy = new Set<Promise<void>>();
  let limit = 1;
  let isPulling = false;
  let ended = false;
  let fault: { error: unknown } | undefined;
  let wake = () => {};
  const failed = (error: unknown) => void (fault ??= { error });
  const start = (value: T) => {
    const work = prepare(value, stop.signal)
      .then((done) => void ready.push(done), failed)
      .finally(() => {
        busy.delete(work);
        wake();
      });
    busy.add(work);
  };
  const pull = () => {
    if (isPulling || ended || fault || busy.size + ready.length >= limit) return;
    isPulling = true;
    void source
      .next()
      .then((step) => {
        if (step.done) ended = true;
        else if (stop.signal.aborted) return;
        else if (needs(step.value)) {
          limit = ahead;
          start(step.value);
        } else {
          limit = 1;
          ready.push(step.value);
        }
      }, failed)
      .finally(() => {
        isPulling = false;
        if (limit > 1) pull();
        wake();
      });
  };
  try {
    for (;;) {
      pull();
      while (ready.length === 0) {
        if (fault) throw fault.error;
        if (ended && busy.size === 0) return;
        await new Promise<void>((resolve) => (wake = resolve));
        if (ready.length === 0) pull();
      }
      const value = ready.shift()!;
      if (limit > 1) pull();
      yield value;
    }
  } finally {
    stop.abort(new Error("the reader of the source has stopped"));
    await Promise.allSettled(busy);
    for (const value of ready) drop(value);
    const returned = source.return(undefined);
    if (isPulling)
      returned.catch(() => {}); // a source that waits ends by its own signal
    else await returned;
  }
}

async function* each<T>(values: Values<T>): AsyncGenerator<T, undefined> {
  yield* values;
}
