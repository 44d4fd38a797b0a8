// The page of a search: pictures at the right times, strips of frames, escaping, missing videos.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureIndex } from "#lib/features/feature_index.js";
import type { VideoError } from "#lib/base/errors.js";
import { clock } from "#lib/video/html.js";
import { searchPage } from "#lib/features/search_page.js";
import { openVideo } from "#lib/video/index.js";
import { resolvePreset } from "#lib/video/presets.js";
import { stillAt } from "#lib/video/stills/still.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { examplePage } from "./example_page.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("search_page");
const folder = temporaryFolder("page");
const preset = { ...resolvePreset("s3d", { fps: 25, frames: 1, stride: 1, size: 96 }), resize: 96 };

/** RGB pixels of the frames of a video or picture, 96 x 96. */
async function frames(path: string): Promise<Uint8Array[]> {
  const out: Uint8Array[] = [];
  const video = await openVideo(path, { preset });
  for await (const clip of video) out.push(clip.frames);
  return out;
}
const difference = (a: Uint8Array, b: Uint8Array) => a.reduce((sum, v, i) => sum + Math.abs(v - b[i]), 0) / a.length;

const hasFfmpeg = ["ffmpeg", "ffprobe"].every((program) => spawnSync(program, ["-version"]).status === 0);
if (!hasFfmpeg) console.log("SKIP stills by ffmpeg: no programs ffmpeg and ffprobe on the path");

for (const decoder of ["node-av", "ffmpeg"] as const) {
  if (decoder === "ffmpeg" && !hasFfmpeg) continue;
  test(`a still shows the frame at its time, by ${decoder}`, async () => {
    for (const [name, settings] of Object.entries({
      "long.mp4": { seed: 2, seconds: 5 },
      "odd.mkv": { seed: 3, seconds: 4, width: 161, height: 121, format: "yuv444p" as const },
      "keys.mp4": { seed: 4, seconds: 4, options: { g: "10", bf: "2" } },
    })) {
      const path = join(folder, name);
      await makeVideo(path, settings);
      const all = await frames(path);
      for (const seconds of [0, 1.21, settings.seconds - 0.5, settings.seconds + 50]) {
        writeFileSync(join(folder, "still.jpg"), await stillAt(path, seconds, { width: 160, decoder }));
        const [still] = await frames(join(folder, "still.jpg"));
        const away = all.map((frame, i) => ({ i, away: difference(frame, still) }));
        const [nearest] = away.sort((a, b) => a.away - b.away);
        const expected = Math.min(all.length - 1, Math.floor(seconds * 25 + 1e-6));
        const label = `${name} at ${seconds}`;
        assert.ok(Math.abs(nearest.i - expected) <= 1, `${label}: frame ${nearest.i}, expected ${expected}`);
        assert.ok(nearest.away < 12, `${label}: colours differ by ${nearest.away}`);
      }
    }
  });

  test(`a still between uneven frames is the last frame that has begun, by ${decoder}`, async () => {
    const path = join(folder, "uneven.mp4");
    await makeVideo(path, { seed: 5, times: [5, 6, 7, 50, 51, 120] });
    const bytes = async (seconds: number) =>
      Buffer.from(await stillAt(path, seconds, { width: 160, decoder })).toString("base64");
    // the container starts with the first picture, so its frames begin at 0, 0.04, 0.08, 1.8, 1.84 and 4.6 s
    const [first, third, fourth, last] = [await bytes(0.02), await bytes(0.1), await bytes(1.81), await bytes(4.6)];
    assert.is(new Set([first, third, fourth, last]).size, 4);
    assert.is(await bytes(0), first, "the first frame");
    assert.is(await bytes(1.79), third);
    assert.is(await bytes(1.83), fourth);
    assert.is(await bytes(500), last);
  });
}

test("without the programs, the error says what to install", async () => {
  const path = join(folder, "long.mp4");
  await makeVideo(path, { seconds: 1 });
  const before = process.env.PATH;
  process.env.PATH = folder;
  try {
    await stillAt(path, 0, { decoder: "ffmpeg" });
    assert.unreachable("an error");
  } catch (error) {
    assert.is((error as VideoError).code, "ERR_DECODER_MISSING");
    assert.match((error as Error).message, /ffmpeg and ffprobe are not on the path.*install/);
  } finally {
    process.env.PATH = before;
  }
});

test("the page has a picture and a strip for each hit, names missing videos, and escapes everything", async () => {
  const html = await examplePage(folder);
  writeFileSync(join(folder, "page.html"), html);
  const count = (pattern: RegExp) => [...html.matchAll(pattern)].length;
  assert.is(count(/<li>/g), 12);
  assert.is(count(/<svg /g), 12);
  assert.is(count(/<rect class="span"/g), 12);
  assert.is(count(/class="hit"/g), 12);
  assert.is(count(/<title>\d:\d\d/g), 12 * 4);
  assert.is(count(/<img /g), count(/src="data:image\/jpeg;base64,\/9j\//g));
  assert.is(count(/<img /g), 4, "pictures of the existing video");
  assert.ok(count(/No picture: .*no such file/g) >= 1);
  assert.ok(html.includes("soup &lt;img src=x onerror=alert(1)&gt; &amp; &quot;quotes&quot; &#39;too&#39;"));
  assert.ok(html.includes("weights &lt;made up&gt;"));
  assert.ok(html.includes("good &amp; fine.mp4"));
  assert.not.match(html, /<script|<b>good|onerror=alert\(1\)>/);
  assert.not.match(html, /(src|href)="(?!data:)/, "the page loads nothing");
  const first = html.slice(html.indexOf("<li>"), html.indexOf("</li>"));
  assert.match(first, /<h2>1\. good &amp; fine\.mp4<\/h2>\n<p><b>0:03\.0 to 0:04\.0<\/b>, score 7\.0000<\/p>/);
});

test("a page without hits says so, and times are written as clock times", async () => {
  const index = await FeatureIndex.create(join(folder, "none"), { dim: 1 });
  const html = await searchPage(index, { query: "x", vector: Float32Array.of(1), hits: [] });
  assert.match(html, /Nothing was found/);
  index.dispose();
  assert.equal([0, 9.96, 61.25, 3599.96, 3725.5].map(clock), ["0:00.0", "0:10.0", "1:01.3", "1:00:00.0", "1:02:05.5"]);
});

test.run();
