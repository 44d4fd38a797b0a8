import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { VideoError } from "../base/errors.js";
import { ScratchFolder } from "../features/remote/scratch_folder.js";
import { stillAt } from "../video/stills/still.js";
import type { PictureResult } from "./answers.js";
import { BoundedCache } from "./bounded_cache.js";
import { Gate } from "./gate.js";
import { type EncodedPicture, MAX_PIXELS, PictureEncoder } from "./picture_encoder.js";
import { RequestError } from "./request_error.js";
import type { ServedIndex } from "./served_index.js";
import { spaceOf, type TextEncoders } from "./text_encoders.js";
import { videoId } from "./video_ids.js";

/** Bytes of a picture or clip. */
export const MAX_BODY = 16 << 20;
const noBody = "the request has no body: send the bytes of a picture or a short clip";
export const tooLarge = `a picture or clip may have ${MAX_BODY >> 20} MiB at most`;

const box = (head: Buffer): boolean => head.toString("latin1", 4, 8) === "ftyp";
const begins = (signature: string) => (head: Buffer) => head.toString("latin1", 0, signature.length) === signature;
/**
 * What is accepted, by media type: the ending of the file, and whether a file begins as such a one does. A file that
 * only claims a type could be a list of other files, which a decoder would open.
 */
const TYPES: Record<string, { ending: string; fits: (head: Buffer) => boolean }> = {
  "image/jpeg": { ending: "jpg", fits: begins("\xff\xd8\xff") },
  "image/png": { ending: "png", fits: begins("\x89PNG\r\n\x1a\n") },
  "image/webp": { ending: "webp", fits: (head) => begins("RIFF")(head) && head.toString("latin1", 8, 12) === "WEBP" },
  "image/gif": { ending: "gif", fits: begins("GIF8") },
  "video/mp4": { ending: "mp4", fits: box },
  "video/quicktime": { ending: "mov", fits: box },
  "video/webm": { ending: "webm", fits: begins("\x1a\x45\xdf\xa3") },
  "video/x-matroska": { ending: "mkv", fits: begins("\x1a\x45\xdf\xa3") },
};
export const PICTURE_TYPES: readonly string[] = Object.keys(TYPES);

/** A picture or clip that queries name. Its bytes are not kept. */
interface Picture extends EncodedPicture {
  /** The space of the indexes that it was encoded for. */
  space: string;
  /** A small JPEG of it. */
  jpeg: Uint8Array<ArrayBuffer>;
}

/** Pictures that users sent: each becomes a row, which the queries of the next hours name by its id. */
export class Pictures {
  readonly kept = new BoundedCache<Picture>(500, 32 << 20);
  /** Bodies that are received at once. They are written to a folder, so memory holds pieces of them only. */
  readonly receiving = new Gate(4, 16, "pictures");
  readonly encoding = new Gate(1, 16, "pictures");
  #scratch = new ScratchFolder(undefined);
  #encoders = new Map<string, PictureEncoder>();

  constructor(private readonly encoders: TextEncoders) {}

  get(id: string): Picture | undefined {
    return this.kept.get(id);
  }

  /**
   * Encodes a picture or clip for an index.
   * @param type the media type that the client says @param body its bytes
   * @throws RequestError 413, 415, 422, 503; `signal.reason`
   */
  async add(
    served: ServedIndex,
    type: string,
    body: ReadableStream<Uint8Array> | null,
    signal: AbortSignal,
  ): Promise<PictureResult> {
    const known = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
    if (!known) throw new RequestError(415, `the type of a picture must be one of ${PICTURE_TYPES.join(", ")}`);
    if (!body) throw new RequestError(400, noBody);
    // before anything is received: an index whose model has no video encoder says so at once
    const { space, key, encoder } = this.#encoderOf(served);
    const path = join(this.#scratch.path, `${randomUUID()}.${known.ending}`);
    try {
      const hash = await this.receiving.run(() => receive(body, path, known.fits, signal), signal);
      const id = videoId(key, hash); // the same bytes are another row where features are made with other settings
      if (!this.kept.get(id)) {
        const picture = await this.encoding.run(() => encode(encoder, space, path, signal), signal);
        this.kept.set(id, picture, picture.jpeg.length + picture.vector.byteLength + 200);
      }
      const { features, note } = this.kept.get(id)!;
      return { picture: id, features, ...(note ? { note } : {}) };
    } finally {
      await rm(path, { force: true });
    }
  }

  #encoderOf({ current }: ServedIndex): { space: string; key: string; encoder: PictureEncoder } {
    const space = spaceOf(current);
    // features of two indexes with one model may be made with other settings
    const key = JSON.stringify([space, current.settings.features, current.settings.window]);
    let encoder = this.#encoders.get(key);
    if (!encoder) this.#encoders.set(key, (encoder = PictureEncoder.of(current, this.encoders.encoder(space))));
    return { space, key, encoder };
  }

  dispose(): void {
    for (const encoder of this.#encoders.values()) encoder.dispose();
    this.#encoders.clear();
    this.#scratch.dispose();
  }
}

/** Writes a body to a file. @returns a hash of it @throws RequestError 413 when it is too long, 415 for another type */
async function receive(
  body: ReadableStream<Uint8Array>,
  path: string,
  fits: (head: Buffer) => boolean,
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash("sha256");
  let [bytes, head] = [0, Buffer.alloc(0)];
  const check = () => {
    if (!fits(head)) throw new RequestError(415, "the bytes are not of the type that the request says");
  };
  const counted = new Transform({
    transform(part: Buffer, _, done) {
      try {
        bytes += part.length;
        if (bytes > MAX_BODY) throw new RequestError(413, tooLarge, { Connection: "close" });
        if (head.length < 16) {
          head = Buffer.concat([head, part.subarray(0, 16)]);
          if (head.length >= 16) check();
        }
        hash.update(part);
        done(null, part);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  await pipeline(partsOf(body), counted, createWriteStream(path, { mode: 0o600, flags: "wx" }), { signal });
  if (bytes === 0) throw new RequestError(400, noBody);
  check();
  return hash.digest("hex");
}

async function* partsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body as unknown as AsyncIterable<Uint8Array>;
  } catch {
    throw new RequestError(400, "the body ended before it was complete");
  }
}

async function encode(encoder: PictureEncoder, space: string, path: string, signal: AbortSignal): Promise<Picture> {
  try {
    const encoded = await encoder.rowOf(path, signal);
    const jpeg = Uint8Array.from(await stillAt(path, 0, { width: 160, maxPixels: MAX_PIXELS, signal }));
    return { ...encoded, space, jpeg };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof VideoError && error.code === "ERR_DECODER_MISSING")
      throw new RequestError(422, "a picture cannot be searched for: this server has no decoder (npm install node-av)");
    if (!(error instanceof VideoError)) throw error;
    const limit = `${MAX_PIXELS / 1e6} million pixels`;
    throw new RequestError(
      422,
      `this file cannot be decoded: it is broken, of an unknown kind, or has more than ${limit}`,
    );
  }
}
