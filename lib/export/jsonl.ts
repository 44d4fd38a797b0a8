import { createHash } from "node:crypto";
import { rowFacts } from "./flat_vectors.js";
import type { ExportFormat } from "./format.js";
import { TextBlocks, writeTogether } from "./output_files.js";

/** The namespace of addresses in RFC 9562. */
const NAMESPACE = Buffer.from("6ba7b8119dad11d180b400c04fd430c8", "hex");

/**
 * The id of a clip: the UUID of version 5 of `PATH#CLIP` in the namespace of addresses. It depends on nothing but the
 * path and the clip, so that a second import replaces the rows of the first.
 */
export function clipId(path: string, clip: number): string {
  const hash = createHash("sha1").update(NAMESPACE).update(`${path}#${clip}`).digest();
  hash[6] = (hash[6] & 0x0f) | 0x50;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  const hex = hash.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Values as JSON with the nine digits that tell every f32 from the others. */
export function vectorText(values: Float32Array): string {
  const texts = new Array<string>(values.length);
  for (let i = 0; i < values.length; i++) texts[i] = String(Number(values[i].toPrecision(9)));
  return `[${texts.join(",")}]`;
}

/** JSON lines `{ id, vector, payload }`, one for each clip. */
export const JSONL: ExportFormat = {
  kind: "file",
  dtypes: ["f32"],
  ending: ".jsonl",
  async write(out, videos, { dim }) {
    await writeTogether([out], async (file) => {
      const lines = new TextBlocks(file);
      for await (const video of videos) {
        let clip = 0;
        for (const block of video.values()) {
          for (let at = 0; at < block.length; at += dim, clip++) {
            const vector = vectorText(block.subarray(at, at + dim));
            const payload = JSON.stringify(rowFacts(video, clip));
            lines.write(`{"id":"${clipId(video.path, clip)}","vector":${vector},"payload":${payload}}\n`);
          }
        }
      }
      lines.flush();
    });
  },
};
