import { asList, asObject, readJson } from "./json_file.js";
import { cleanCaption, type ReadOptions, type Caption, type VideoRecord } from "./record.js";

/** Reads youcookii_annotations_trainval.json (Zhou et al. 2018). @param subset `training` or `validation`; default both */
export async function* readYouCook2(
  file: string,
  { skips, subset }: ReadOptions & { subset?: string | undefined },
): AsyncGenerator<VideoRecord> {
  const { database } = asObject(await readJson(file), file, "");
  for (const [video, value] of Object.entries(asObject(database, file, "database"))) {
    const entry = asObject(value, file, `database.${video}`);
    if (subset !== undefined && entry.subset !== subset) continue;
    const captions: Caption[] = [];
    asList(entry.annotations, file, `database.${video}.annotations`).forEach((item, i) => {
      const { segment, sentence } = (item ?? {}) as { segment?: unknown[]; sentence?: unknown };
      const caption = cleanCaption(segment?.[0], segment?.[1], sentence);
      if (typeof caption === "string") skips.add(caption, `${file}: ${video}, annotation ${i}`);
      else captions.push(caption);
    });
    yield {
      video,
      captions, // in the annotated order: clip i of the published features is annotation i
      duration: Number(entry.duration),
      split: String(entry.subset),
      extra: { recipe: String(entry.recipe_type) },
    };
  }
}
