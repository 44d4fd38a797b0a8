// The page of a search: pictures at the right time, strips, escaping, videos that are not there.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureIndex } from "../../dist/features/feature_index.js";
import { clock, searchPage } from "../../dist/features/search_page.js";
import { openVideo } from "../../dist/video/index.js";
import { resolvePreset } from "../../dist/video/presets.js";
import { stillAt } from "../../dist/video/still.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { examplePage } from "./example_page.js";

const test = suite("search_page");
const folder = mkdtempSync(join(tmpdir(), "videoclip-page-"));
const preset = { ...resolvePreset("s3d", { fps: 25, frames: 1, stride: 1, size: 96 }), resize: 96 };

/** RGB pixels of a video's (or picture's) frames, 96 x 96. */
async function frames(path: string): Promise<Uint8Array[]> {
  const out: Uint8Array[] = [];
  const video = await openVideo(path, { preset });
  for await (const clip of video) out.push(clip.frames);
  return out;
}
const difference = (a: Uint8Array, b: Uint8Array) => a.reduce((sum, v, i) => sum + Math.abs(v - b[i]), 0) / a.length;

test("a still shows the frame at its time", async () => {
  for (const [name, settings] of Object.entries({
    "long.mp4": { seed: 2, seconds: 5 },
    "odd.mkv": { seed: 3, seconds: 4, width: 161, height: 121, format: "yuv444p" as const },
  })) {
    const path = join(folder, name);
    await makeVideo(path, settings);
    const all = await frames(path);
    for (const seconds of [0, 1.21, settings.seconds - 0.5, settings.seconds + 50]) {
      writeFileSync(join(folder, "still.jpg"), await stillAt(path, seconds, { width: 160 }));
      const [still] = await frames(join(folder, "still.jpg"));
      const nearest = all.map((frame, i) => ({ i, away: difference(frame, still) })).sort((a, b) => a.away - b.away)[0];
      const expected = Math.min(all.length - 1, Math.floor(seconds * 25 + 1e-6));
      assert.ok(Math.abs(nearest.i - expected) <= 1, `${name} at ${seconds}: frame ${nearest.i}, expected ${expected}`);
      assert.ok(nearest.away < 12, `${name} at ${seconds}: colours differ by ${nearest.away}`);
    }
  }
});

test("the page has a picture and a strip per hit, says what is missing, and escapes everything", async () => {
  const html = await examplePage(folder);
  writeFileSync(join(folder, "page.html"), html);
  const count = (pattern: RegExp) => [...html.matchAll(pattern)].length;
  assert.is(count(/<li>/g), 12);
  assert.is(count(/<svg /g), 12);
  assert.is(count(/<rect class="span"/g), 12);
  assert.is(count(/class="hit"/g), 12);
  assert.is(count(/<title>\d:\d\d/g), 12 * 4);
  assert.is(count(/<img /g), count(/src="data:image\/jpeg;base64,\/9j\//g));
  assert.is(count(/<img /g), 4, "pictures of the video that is there");
  assert.ok(count(/No picture: .*no such file/g) >= 1);
  assert.ok(html.includes("soup &lt;img src=x onerror=alert(1)&gt; &amp; &quot;quotes&quot; &#39;too&#39;"));
  assert.ok(html.includes("weights &lt;made up&gt;"));
  assert.ok(html.includes("good &amp; fine.mp4"));
  assert.not.match(html, /<script|<b>good|onerror=alert\(1\)>/);
  assert.not.match(html, /(src|href)="(?!data:)/, "nothing is loaded");
  const first = html.slice(html.indexOf("<li>"), html.indexOf("</li>"));
  assert.match(first, /<h2>1\. good &amp; fine\.mp4<\/h2>\n<p><b>0:03\.0 to 0:04\.0<\/b>, score 7\.0000<\/p>/);
});

test("no hits give a page that says so; times are written as clocks", async () => {
  const index = await FeatureIndex.create(join(folder, "none"), { dim: 1 });
  const html = await searchPage(index, { query: "x", vector: Float32Array.of(1), hits: [] });
  assert.match(html, /Nothing was found/);
  index.dispose();
  assert.equal([0, 9.96, 61.25, 3599.96, 3725.5].map(clock), ["0:00.0", "0:10.0", "1:01.3", "1:00:00.0", "1:02:05.5"]);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
