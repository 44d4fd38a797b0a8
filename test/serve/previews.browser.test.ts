// Videos that the browser does not know play as previews in a headless Chromium: at the right time, with the right
// pictures, by keyboard, and on to the next stretch.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { previewMakers } from "#lib/video/previews/preview_encoders.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { BrowserPage, CHROMIUM, NO_CHROMIUM } from "../support/chromium.js";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { CRESCENT, served, type Served, SQUARE, STAR, writeIndex } from "./served_example.js";

const test = suite("serve: previews in a browser");
const root = temporaryFolder("serve-previews-page");
/** Set to keep the pictures of the page. */
const PICTURES = process.env.VIDEOCLIP_PICTURES;
const [WIDTH, HEIGHT, RATE] = [160, 120, 10];
let server: Served;
let page: BrowserPage;

/** Why nothing can be tested here. */
const reason = !CHROMIUM
  ? NO_CHROMIUM
  : (await previewMakers()).length === 0
    ? "neither node-av nor ffmpeg has an encoder for previews"
    : undefined;
if (reason) process.stdout.write(`SKIP previews in a browser: ${reason}\n`);

/** A grey picture that is lighter in each of eight seconds: its brightness says which time is shown. */
const lightOf = (second: number): number => 30 + 25 * (second % 8);
const planes = (frame: number): Buffer =>
  Buffer.concat([
    Buffer.alloc(WIDTH * HEIGHT, lightOf(Math.floor(frame / RATE))),
    Buffer.alloc((WIDTH * HEIGHT) / 2, 128),
  ]);

test.before(async () => {
  if (reason) return;
  const videos = join(root, "videos");
  mkdirSync(videos);
  const old = { codec: "mpeg4", width: WIDTH, height: HEIGHT, rate: RATE, seconds: 34, options: {}, planes };
  await makeVideo(join(videos, "old.avi"), old);
  writeFileSync(join(videos, "broken.avi"), Buffer.alloc(5000, 7));
  if (hasFfmpeg) {
    const args = `-i ${join(videos, "old.avi")} -f lavfi -i sine=d=34 -c:v copy -c:a aac ${join(videos, "sound.mp4")}`;
    assert.is(spawnSync("ffmpeg", ["-v", "error", ...args.split(" ")]).status, 0);
  }
  await writeIndex(join(root, "index"), {
    [join(videos, "old.avi")]: [[SQUARE, 2, 6], [STAR, 14, 18], [CRESCENT, 60, 64]], // prettier-ignore
    [join(videos, "sound.mp4")]: [[STAR, 14, 18]],
    [join(videos, "broken.avi")]: [[CRESCENT, 0, 4]],
  });
  server = await served([join(root, "index")], { videos: [videos] });
  page = await BrowserPage.open(join(root, "browser"));
});
test.after(async () => {
  await page?.close();
  await server?.close();
});

const inBrowser = (name: string, work: () => Promise<void>) =>
  test(name, async () => {
    if (reason) return;
    page.errors.length = 0;
    await work();
  });

const video = "document.querySelector('#results video')";
const said = "document.querySelector('.preview [role=status]')?.textContent";
const time = "document.querySelector('.preview .time').textContent";
const search = (sentence: string, path: string, of = server) =>
  page.go(`${of.url}?q=${encodeURIComponent(sentence)}&group=video&path=${path}`);
const offers = "document.querySelector('.preview')?.textContent.includes('choose a moment for a preview')";

/** The brightness of the picture that is shown, and its time in the video, as the page says it. */
async function shown(): Promise<{ light: number; at: number; address: string; current: number }> {
  return page.evaluate(`(() => {
    const video = ${video};
    video.pause();
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight).getContext("2d");
    canvas.drawImage(video, 0, 0);
    const [light] = canvas.getImageData(video.videoWidth / 2, video.videoHeight / 2, 1, 1).data;
    const [, minutes, seconds] = /(\\d+):([\\d.]+) of the video/.exec(${time});
    return { light, at: 60 * Number(minutes) + Number(seconds), address: video.currentSrc, current: video.currentTime };
  })()`);
}

/** Checks that the picture is that of the time that is shown. */
async function isRight(from: number, low: number, high: number): Promise<void> {
  await page.evaluate(`${video}.pause()`);
  await page.until(`!${video}.seeking`);
  await new Promise((done) => setTimeout(done, 300)); // the text follows the event of the pause
  const { light, at, address, current } = await shown();
  assert.match(address, new RegExp(`/api/previews/[\\w-]{22}\\?t=${from}&format=`));
  assert.ok(at >= low && at < high, `${at} is shown, ${low} to ${high} is right`);
  assert.ok(Math.abs(from + current - at) < 0.3, `the preview is at ${current}, the page says ${at}`);
  // full-range light of the video's, at a frame before or behind the change of the second
  const lights = [at - 0.15, at + 0.15].map((second) => ((lightOf(Math.floor(second)) - 16) * 255) / 219);
  const distance = Math.min(...lights.map((right) => Math.abs(right - light)));
  assert.ok(distance < 10, `the light ${light} at ${at} s; ${lights.join(" or ")} is right`);
}

inBrowser("with the keyboard, a moment of a video in an unknown format plays as a preview at its time", async () => {
  await search(STAR, "old.avi");
  await page.until(offers);
  assert.not.ok(
    server.log.some(({ path }) => String(path).startsWith("/api/previews/")),
    "none is made unasked",
  );
  assert.is(
    await page.evaluate("document.querySelectorAll('.preview [role=status]').length"),
    0,
    "nothing is read out",
  );
  await page.evaluate("document.querySelector('.play').focus()");
  await page.press("Enter");
  await page.until(`${video}.currentTime > 4 && !${video}.paused && ${video}.videoWidth === ${WIDTH}`);
  await isRight(10, 14, 18);
  assert.is(
    await page.evaluate(said),
    "This browser does not know the format of this video: a preview of 0:10.0 to 0:30.0 is played.",
  );
  const png = await page.screenshot();
  if (PICTURES) writeFileSync(join(PICTURES, "preview.png"), png);
  assert.equal(page.errors, []);
});

inBrowser(
  "a moment within the preview plays from it, another one from its own, and at the end it goes on",
  async () => {
    await search(SQUARE, "old.avi");
    await page.until(offers);
    const play = (span: string) =>
      page.evaluate(`[...document.querySelectorAll('.play')].find((b) => b.textContent.includes('${span}')).click()`);
    await play("0:14.0");
    await page.until(`${video}.currentTime > 4 && !${video}.paused`);
    await page.evaluate(`${video}.currentTime = 12`);
    await play("0:14.0");
    await page.until(`!${video}.seeking && ${video}.currentTime < 8`);
    await isRight(10, 14, 18);
    await play("0:02.0");
    await page.until(`${video}.currentSrc.includes('?t=0&') && ${video}.currentTime >= 2 && !${video}.paused`);
    await isRight(0, 2, 6);
    await play("0:14.0");
    await page.until(`!${video}.seeking && ${video}.currentTime >= 14 && !${video}.paused`);
    await isRight(0, 14, 18);
    await page.evaluate(`${video}.currentTime = 19; ${video}.play()`);
    await page.until(`${video}.currentSrc.includes('?t=20&') && ${video}.currentTime > 0.5`);
    await isRight(20, 20, 26);
    await page.evaluate(`${video}.currentTime = 13; ${video}.play()`);
    await page.until(`${video}.ended`);
    await isRight(20, 33.8, 34.2);
    assert.equal(page.errors, []);
  },
);

inBrowser("a preview that cannot be made says why, and a broken video offers none", async () => {
  await search(CRESCENT, "old.avi");
  await page.until(offers);
  await page.evaluate("[...document.querySelectorAll('.play')].find((b) => b.textContent.includes('1:00.0')).click()");
  await page.until(`${said} === 'There is no preview of this moment: the video ends before this time.'`);
  await search(CRESCENT, "broken.avi");
  await page.until(
    "document.querySelector('.player .problem')?.textContent === 'This video cannot be decoded: its file may be damaged.'",
  );
  assert.is(await page.evaluate("document.querySelectorAll('.preview').length"), 0);
  assert.ok(
    page.errors.every((text) => /422/.test(text)),
    page.errors.join(),
  );
});

inBrowser("where the browser would play the sound alone, a preview is played too", async () => {
  if (!hasFfmpeg) return void process.stdout.write("SKIP sound alone: there is no ffmpeg\n");
  await search(STAR, "sound.mp4");
  await page.until(offers);
  await page.evaluate("document.querySelector('.play').click()");
  await page.until(`${video}.currentTime > 4 && !${video}.paused && ${video}.videoWidth === ${WIDTH}`);
  await isRight(10, 14, 18);
  assert.equal(page.errors, []);
});

inBrowser("the accessibility checker axe finds nothing beside a preview", async () => {
  const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
  for (const value of ["light", "dark"]) {
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
    await search(STAR, "old.avi");
    await page.until(offers);
    await page.evaluate("document.querySelector('.play').click()");
    await page.until(`${video}.currentTime > 4`);
    await page.until("document.getAnimations().length === 0");
    await page.evaluate(`${axe}; undefined`);
    const found = await page.evaluate(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))",
    );
    assert.equal(found, [], value);
  }
});

inBrowser("without previews the page says what the browser cannot play, and what to do", async () => {
  const without = await served([join(root, "index")], { videos: [join(root, "videos")], previews: false });
  try {
    await search(STAR, "old.avi", without);
    await page.until(
      "/^This browser does not know the format .* H.264 in MP4.* encoder/.test(document.querySelector('.player .problem:not([hidden])')?.textContent)",
    );
    assert.is(await page.evaluate("document.querySelectorAll('.preview').length"), 0);
    assert.equal(page.errors, []);
  } finally {
    await without.close();
  }
});

test.run();
