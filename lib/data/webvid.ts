import { cleanCaption, type ReadOptions, type VideoRecord } from "./record.js";
import { readTable } from "./table.js";

/** Seconds of an ISO 8601 duration such as PT00H00M14S, or of a plain number. NaN for anything else. */
export function isoSeconds(text: string): number {
  const match = /^P(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i.exec(
    text,
  );
  if (!match || !/\d/.test(text)) return text.trim() === "" ? Number.NaN : Number(text);
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}

/** Reads results_{2M,10M}_{train,val}.csv (Bain et al. 2021): the caption of a whole video. */
export async function* readWebVid(file: string, { skips, signal }: ReadOptions): AsyncGenerator<VideoRecord> {
  for await (const { value, line } of readTable(file, { required: ["videoid", "name", "duration"], signal })) {
    const duration = isoSeconds(value.duration);
    const caption = duration > 0 ? cleanCaption(0, duration, value.name) : `a duration that cannot be read`;
    if (typeof caption === "string") {
      skips.add(caption, `${file}:${line}`);
      continue;
    }
    const path = value.page_dir ? `videos/${value.page_dir}/${value.videoid}.mp4` : undefined;
    yield { video: value.videoid, captions: [caption], duration, path, extra: { url: value.contentUrl } };
  }
}
