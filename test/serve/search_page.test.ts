// The page of a search: pictures at the right times, players, one scale, escaping, missing videos.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureIndex } from "#lib/features/feature_index.js";
import type { VideoError } from "#lib/base/errors.js";
import { clock } from "#lib/video/html.js";
import { searchPage } from "#lib/serve/search_page.js";
import { openVideo } from "#lib/video/index.js";
import { resolvePreset } from "#lib/video/presets.js";
import { stillAt } from "#lib/video/stills/still.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { examplePage } from "./example_page.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("serve: the page of one search");
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
  assert.is(count(/<rect class="moment"/g), 12);
  assert.is(count(/class="(above|below)"/g), 12 * 4);
  assert.is(new Set([...html.matchAll(/class="zero" x1="0" x2="600" y1="([\d.]+)"/g)].map(([, y]) => y)).size, 1);
  assert.is(new Set([...html.matchAll(/class="scale">([^<]+)</g)].map(([, text]) => text)).size, 1, "one scale");
  assert.is(count(/<img /g), count(/src="data:image\/jpeg;base64,\/9j\//g));
  assert.is(count(/<img /g), 4 * 3, "pictures of the existing video");
  assert.is(count(/<video controls preload="none" /g), 4);
  assert.is(count(/No picture: .*no such file/g), 4);
  assert.is(count(/No picture: .*is a text file/g), 4);
  assert.ok(html.includes("soup &lt;img src=x onerror=alert(1)&gt; &amp; &quot;quotes&quot; &#39;too&#39;"));
  assert.ok(html.includes("weights &lt;made up&gt;"));
  assert.ok(html.includes("good &amp; fine.mp4"));
  assert.not.match(html, /<script|<b>good|onerror=alert\(1\)>/);
  const good = "./%3Cb%3E/good%20%26%20fine.mp4#t=3.0";
  assert.ok(html.includes(`src="${good}"`) && html.includes(`<a href="${good}">`), "named from the page's folder");
  assert.not.match(html, /src="(?!data:|\.\/%3Cb%3E\/)|href="(?!\.\/%3Cb%3E\/)/, "only videos are loaded");
  assert.match(html, /content="default-src 'none'; img-src data:; media-src 'self' file:; /);
  const first = html.slice(html.indexOf("<li>"), html.indexOf("</li>"));
  assert.match(first, /<h2>good &amp; fine\.mp4<\/h2>/);
  assert.match(first, /<p><b>0:03\.0 to 0:04\.0<\/b>, score 7\.00<\/p>/);
});

test("overlapping hits are one moment, and addresses are whole without a folder", async () => {
  const path = join(folder, "merged.mp4");
  await makeVideo(path, { seconds: 4 });
  const index = await FeatureIndex.create(join(folder, "merged"), { dim: 1, dtype: "f32" });
  const spans = [[0, 2], [1, 3], [2, 4]] as const; // prettier-ignore
  await index.append([{ video: path, rows: Float32Array.of(-1, 3, 2), spans }]);
  const vector = Float32Array.of(1);
  const hits = await index.search({ vector, top: 3 });
  const html = await searchPage(index, { query: "x", vector, hits });
  index.dispose();
  assert.equal([...html.matchAll(/<p><b>([^<]+)<\/b>, score ([^<]+)<\/p>/g)].map(([, ...rest]) => rest), [["0:01.0 to 0:03.0", "3.00"]]); // prettier-ignore
  assert.match(html, /<p id="facts">1 moment, best first, of 1 video, 3 windows<\/p>/);
  assert.ok(html.includes(`src="${pathToFileURL(path).href}#t=1.0"`));
  assert.match(html, /scale \u22121\.00 to 3\.00, line at 0/);
});

test("a page without hits says so, and times are written as clock times", async () => {
  const index = await FeatureIndex.create(join(folder, "none"), { dim: 1 });
  const html = await searchPage(index, { query: "x", vector: Float32Array.of(1), hits: [] });
  assert.match(html, /Nothing was found/);
  index.dispose();
  assert.equal([0, 9.96, 61.25, 3599.96, 3725.5].map(clock), ["0:00.0", "0:10.0", "1:01.3", "1:00:00.0", "1:02:05.5"]);
});

test.run();
