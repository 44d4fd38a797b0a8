import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { searchPage } from "#lib/serve/search_page.js";
import { makeVideo } from "../../scripts/make_samples.mjs";

const evil = `<script>alert("x")</script>&'.mp4`;

/** The page of a search over an existing video, a missing one and a text file, with names that need escaping. */
export async function examplePage(folder: string): Promise<string> {
  const at = join(folder, "index");
  rmSync(at, { recursive: true, force: true });
  mkdirSync(join(folder, "<b>"), { recursive: true });
  const good = join(folder, "<b>", "good & fine.mp4");
  await makeVideo(good, { seed: 4, seconds: 4 });
  writeFileSync(join(folder, "text.mp4"), "not a video\n".repeat(100));
  const index = await FeatureIndex.create(at, { dim: 2, dtype: "f32" });
  const spans = [0, 1, 2, 3].map((start): [number, number] => [start, start + 1]);
  const rows = (scale: number) => Float32Array.from({ length: 8 }, (_, i) => scale * (i % 2 === 0 ? 1 + i : 0));
  await index.append([
    { video: good, rows: rows(1), spans },
    { video: evil, rows: rows(0.5), spans },
    { video: join(folder, "text.mp4"), rows: rows(0.25), spans },
  ]);
  const vector = Float32Array.of(1, 0);
  const hits = await index.search({ vector, top: 12 });
  const query = `soup <img src=x onerror=alert(1)> & "quotes" 'too'`;
  const html = await searchPage(index, { query, vector, hits }, { note: "weights <made up>", folder });
  index.dispose();
  return html;
}
