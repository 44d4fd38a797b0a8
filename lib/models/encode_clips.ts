import { quietly } from "../base/files.js";
import type { NDArray } from "../base/nd_array.js";
import { followSignal } from "../base/follow_signal.js";
import type { Device } from "../runtime/device.js";
import { ClipMemory, clipBytes } from "../video/clips/clip_memory.js";
import type { Clip, Preset } from "../video/types.js";

/** One row per clip: f32 `[clips, dim]`. */
export interface Rows extends NDArray {
  shape: readonly [number, number];
}

/** An encoder of clips: a `VideoEncoder`, or an object with the same methods. */
export interface ClipEncoder {
  /** The rules by which clips are made. */
  readonly preset: Preset;
  /** Preferred number of clips per call. */
  readonly batch: number;
  /** Width of a row. */
  readonly dim: number;
  /** The device that reads the clips: their memory is pinned for it. */
  readonly device?: Pick<Device, "pin" | "unpin"> | undefined;
  /**
   * @param clips each u8 `[T, H, W, 3]`; must not change until the promise settles
   * @returns f32 `[clips.length, dim]`
   */
  encode(clips: readonly Uint8Array[], options?: { signal?: AbortSignal | undefined }): Promise<Rows>;
}

/** What a source of clips receives from `encodeClips`. */
export interface ClipReading {
  /** Aborts when no more clips are needed. */
  signal: AbortSignal;
  /** Memory for clips. It is reused when their rows are computed; a source that drops a clip may return its memory. */
  memory: ClipMemory;
  /** Number of clips that the source may prepare in advance. */
  waiting: number;
}

/** An item with a clip gets its row, f32 `[dim]`, a view of the batch's rows. Other items are unchanged. */
export type Encoded<T> = T extends { clip: Clip } ? T & { row: Float32Array } : T;

/** Batches in flight: one waits in the device's queue while another is computed. */
const IN_FLIGHT = 2;

interface Running<T> {
  batch: T[];
  clips: number;
  rows: Promise<{ rows: Float32Array }>;
}

/**
 * The only function that turns clips into rows. It takes items in order, encodes those with a clip in batches (across
 * videos, if the source has several) and yields all items in order, as soon as possible. A row does not depend on its
 * batch. The frames of a clip may be overwritten once the next item is requested.
 * @param source makes the items; called once
 * @throws errors of the source and of the encoder, and the signal's reason
 */
export async function* encodeClips<T extends object>(
  source: (reading: ClipReading) => AsyncIterable<T>,
  encoder: ClipEncoder,
  { signal }: { signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Encoded<T>> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const unfollow = followSignal(stop, signal);
  const both = stop.signal;
  const memory = new ClipMemory(clipBytes(encoder.preset), encoder.device);
  const items = source({ signal: both, memory, waiting: 2 * encoder.batch })[Symbol.asyncIterator]();
  const running: Running<T>[] = [];
  let next: ReturnType<typeof takeBatch<T>> | undefined;
  let ended = false;
  let isFailed = true;
  try {
    for (;;) {
      const busy = running.filter(({ clips }) => clips > 0).length;
      if (!ended && busy < IN_FLIGHT) next ??= takeBatch(items, encoder.batch);
      const [oldest] = running;
      if (!next && !oldest) {
        isFailed = false;
        return;
      }
      // the next batch goes first if both are ready, so that the device has work
      const first = await Promise.race([next, oldest?.rows].filter((promise) => promise !== undefined));
      signal?.throwIfAborted();
      if ("batch" in first) {
        next = undefined;
        ended = first.ended;
        if (first.batch.length > 0) running.push(encodeBatch(first.batch, encoder, both));
        continue;
      }
      running.shift();
      let row = 0;
      for (const item of oldest.batch) {
        const clip = clipOf(item);
        if (!clip) yield item as Encoded<T>;
        else {
          yield { ...item, row: first.rows.subarray(row * encoder.dim, ++row * encoder.dim) } as Encoded<T>;
          memory.give(clip.frames);
        }
      }
    }
  } finally {
    unfollow();
    stop.abort(new Error("the reader of rows has stopped"));
    await Promise.allSettled([next, ...running.map(({ rows }) => rows)]);
    try {
      await items.return?.();
    } finally {
      // the runs have ended; a lost device also refuses to give the memory back, and the loss is the error to report
      if (isFailed) quietly(() => memory.close());
      else memory.close();
    }
  }
}

const clipOf = (item: object): Clip | undefined => (item as { clip?: Clip }).clip;

/** Takes items up to a full batch of clips. Items without a clip at the beginning do not wait for one. */
async function takeBatch<T extends object>(
  items: AsyncIterator<T>,
  size: number,
): Promise<{ batch: T[]; ended: boolean }> {
  const batch: T[] = [];
  let clips = 0;
  do {
    const step = await items.next();
    if (step.done) return { batch, ended: true };
    batch.push(step.value);
    if (clipOf(step.value)) clips++;
  } while (clips > 0 && clips < size);
  return { batch, ended: false };
}

function encodeBatch<T extends object>(batch: T[], encoder: ClipEncoder, signal: AbortSignal): Running<T> {
  const clips = batch.flatMap((item) => clipOf(item)?.frames ?? []);
  const made = clips.length > 0 ? encoder.encode(clips, { signal }) : Promise.resolve({ data: new Float32Array(0) });
  const rows = made.then(({ data }) => ({ rows: data }));
  rows.catch(() => {}); // the promise is awaited in its turn
  return { batch, clips: clips.length, rows };
}
