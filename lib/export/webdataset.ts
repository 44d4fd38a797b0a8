import { join } from "node:path";
import { DurableFile } from "../base/files.js";
import { tarEnd, tarEntryBytes, tarHeader, tarPadding } from "../weights/tar.js";
import type { ExportFormat } from "./format.js";
import type { StoredVideo } from "./stored_video.js";
import { videoKey } from "./video_key.js";

/** The facts of a video as JSON, with the settings of its features. */
const factsJson = ({ path, duration, partial, timestamps }: StoredVideo, settings: Record<string, unknown>): string =>
  JSON.stringify({ path, duration, partial, timestamps, settings });

/** WebDataset: shards `00000.tar` with `KEY.npy` `[clips, dim]` and `KEY.json` for each video. */
export const WEBDATASET: ExportFormat = {
  kind: "folder",
  dtypes: ["stored", "f16", "f32"],
  ending: ".webdataset",
  sharded: true,
  async write(out, videos, { settings, dtype, shardBytes }) {
    let shard: DurableFile | undefined;
    let [number, bytes] = [0, 0];
    const finish = () => {
      shard?.write(tarEnd());
      shard?.commit();
      shard = undefined;
    };
    const entry = (name: string, size: number, parts: Iterable<Uint8Array>) => {
      shard!.write(tarHeader(name, size));
      for (const part of parts) shard!.write(part);
      shard!.write(tarPadding(size));
    };
    try {
      for await (const video of videos) {
        const type = dtype ?? video.stored;
        const key = videoKey(video.path);
        const { size, parts } = video.npy(type);
        const json = Buffer.from(factsJson(video, settings));
        const needed = tarEntryBytes(size) + tarEntryBytes(json.length);
        if (shard && bytes + needed + tarEnd().length > shardBytes) finish();
        if (!shard) {
          shard = new DurableFile(join(out, `${String(number++).padStart(5, "0")}.tar`));
          bytes = 0;
        }
        entry(`${key}.npy`, size, parts);
        entry(`${key}.json`, json.length, [json]);
        bytes += needed;
      }
      finish();
    } catch (error) {
      shard?.discard();
      throw error;
    }
  },
};
