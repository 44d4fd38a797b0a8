import { npyHeader } from "../weights/npy.js";
import type { ExportFormat } from "./format.js";
import { Spool, writeTogether } from "./output_files.js";
import { videoKey } from "./video_key.js";
import { ZipWriter } from "./zip_writer.js";

/**
 * One .npz: an array `[clips, dim]` for each video under its key; `index`, the bytes of JSON lines with key, path and
 * times of each; and `settings`, the bytes of a JSON object.
 */
export const NPZ: ExportFormat = {
  kind: "file",
  dtypes: ["stored", "f16", "f32"],
  ending: ".npz",
  async write(out, videos, { settings, dtype }) {
    await writeTogether([out], async (file) => {
      const spools = ["directory", "index"].map((name) => new Spool(`${file.path}.${process.pid}.${name}.tmp`));
      const [directory, index] = spools;
      try {
        const zip = new ZipWriter(file, directory);
        for await (const video of videos) {
          const type = dtype ?? video.stored;
          const { path, duration, partial, timestamps } = video;
          const key = videoKey(path);
          const { size, parts } = video.npy(type);
          zip.add(`${key}.npy`, size, parts);
          index.write(`${JSON.stringify({ key, path, duration, partial, timestamps })}\n`);
        }
        addBytes(zip, "index", index.bytes, index.blocks());
        const text = Buffer.from(JSON.stringify(settings));
        addBytes(zip, "settings", text.length, [text]);
        zip.finish();
      } finally {
        for (const spool of spools) spool.remove();
      }
    });
  },
};

/** Adds an array u8 `[bytes]`. */
function addBytes(zip: ZipWriter, name: string, bytes: number, blocks: Iterable<Uint8Array>): void {
  const header = npyHeader([bytes], "u8");
  zip.add(`${name}.npy`, header.length + bytes, behind(header, blocks));
}

function* behind(first: Uint8Array, others: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield first;
  yield* others;
}
