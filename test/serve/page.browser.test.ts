// The page of `videoclip serve` in a headless Chromium: it searches, plays at the moment, shares its address, and needs
// neither a mouse nor a wide screen.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { stillAt } from "#lib/video/stills/still.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { BrowserPage, CHROMIUM, NO_CHROMIUM } from "../support/chromium.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { CRESCENT, served, type Served, SQUARE, STAR, writeIndex } from "./served_example.js";

const test = suite("serve: the page in a browser");
const root = temporaryFolder("serve-page");
/** Set to keep the pictures of the page. */
const PICTURES = process.env.VIDEOCLIP_PICTURES;
let server: Served;
let page: BrowserPage;

const EVIL = `<img src=x onerror=alert(1)>.webm`;

if (!CHROMIUM) process.stdout.write(`SKIP the page of videoclip serve: ${NO_CHROMIUM}\n`);

test.before(async () => {
  if (!CHROMIUM) return;
  const videos = join(root, "videos");
  mkdirSync(videos);
  const webm = { codec: "libvpx-vp9", width: 160, height: 120, seconds: 12, rate: 10 };
  for (const [i, name] of ["a.webm", "b.webm", EVIL].entries())
    await makeVideo(join(videos, name), { ...webm, seed: i });
  writeFileSync(join(videos, "broken.mp4"), "no video");
  await makeVideo(join(videos, "old.avi"), { codec: "mpeg2video", width: 160, height: 120, seconds: 4, options: {} });
  await writeIndex(join(root, "index"), {
    [join(videos, "a.webm")]: [[CRESCENT, 0, 4], [STAR, 3, 7], [SQUARE, 8, 12]], // prettier-ignore
    [join(videos, "b.webm")]: [[SQUARE, 0, 4], [CRESCENT, 4, 8], [STAR, 8, 12]], // prettier-ignore
    [join(videos, EVIL)]: [[SQUARE, 0, 4], [SQUARE, 6, 10]], // prettier-ignore
    [join(videos, "broken.mp4")]: [[CRESCENT, 0, 4]],
    [join(videos, "old.avi")]: [[STAR, 0, 4]],
  });
  await writeIndex(join(root, "more", "index"), { "elsewhere.mp4": [[STAR, 0, 4]] });
  const features = join(root, "features");
  mkdirSync(features);
  const facts = {
    file: "a.npy",
    duration: 12,
    clips: 12,
    timestamps: Array(12).fill([0, 1]),
    padded_frames: 0,
    settings: {},
  };
  const line = { path: join(videos, "a.webm"), ...facts, finished_at: "2026-01-31T00:00:00.000Z" };
  writeFileSync(join(features, "manifest.jsonl"), `${JSON.stringify(line)}\n`);
  const folders = [join(root, "index"), join(root, "more", "index")];
  server = await served(folders, { videos: [videos], features: [features] });
  page = await BrowserPage.open(join(root, "browser"));
});
test.after(async () => {
  await page?.close();
  await server?.close();
});

const inBrowser = (name: string, work: () => Promise<void>) =>
  test(name, async () => {
    if (!CHROMIUM) return;
    page.errors.length = 0;
    page.requests.length = 0;
    await work();
    // the controls of a video are pictures that the browser brings itself
    const hosts = new Set(page.requests.filter((url) => !url.startsWith("data:")).map((url) => new URL(url).origin));
    assert.equal([...hosts], [new URL(server.url).origin], "requests go to the server only");
  });

/** Errors of the console, without those of files that are not there or broken. */
const errors = () => page.errors.filter((text) => !/\/(videos|api\/stills)\//.test(text) || !/404|422/.test(text));

async function picture(name: string): Promise<void> {
  const png = await page.screenshot();
  assert.ok(png.length > 5000, "the screenshot has content");
  if (PICTURES) writeFileSync(join(PICTURES, `${name}.png`), png);
}

const results = "document.querySelectorAll('#results > li').length";
const firstName = "document.querySelector('#results h2').textContent";
const idle = "!document.querySelector('#results').hasAttribute('aria-busy')";

/** Sends the form as a user does who fills in these fields. */
async function search(fields: Record<string, string | boolean>): Promise<void> {
  for (const [name, value] of Object.entries(fields)) {
    const key = typeof value === "boolean" ? "checked" : "value";
    await page.evaluate(`document.querySelector('#search [name=${name}]').${key} = ${JSON.stringify(value)}`);
  }
  await page.evaluate("document.querySelector('#search').requestSubmit()");
  await page.until(idle);
}

inBrowser("with the keyboard alone: search, go to a moment and play it at its time", async () => {
  await page.go(server.url);
  await page.until("document.activeElement?.id === 'q'");
  await page.until("document.querySelector('#facts').textContent.includes('videos')");
  await page.type(STAR);
  await page.press("Enter");
  await page.until(`${results} > 2 && ${idle}`);
  const address = new URL(await page.evaluate("location.href"));
  assert.is(address.searchParams.get("q"), STAR);
  // the result of 3 to 7 s in a.webm is one of the first ones; Tab finds its button
  const target =
    "document.activeElement?.matches('.play') && document.activeElement.textContent.includes('0:03.0 to 0:07.0')";
  for (let i = 0; i < 40 && !(await page.evaluate(target)); i++) await page.press("Tab");
  assert.ok(await page.evaluate(target), "Tab reaches the button of the moment");
  await page.press("Enter");
  const video = "document.activeElement.closest('#results > li').querySelector('video')";
  await page.until(`${video}.currentTime >= 3 && ${video}.currentTime < 7 && !${video}.paused`);
  await picture("keyboard");
  await page.evaluate(`${video}.pause()`);
  assert.ok(server.log.some(({ path, status }) => String(path).startsWith("/videos/") && status === 206));
  await page.evaluate("document.activeElement.blur()");
  await page.press("/", "Slash");
  assert.is(await page.evaluate("document.activeElement.id"), "q");
  assert.equal(errors(), []);
});

inBrowser("a shared address shows the same answer, and the history goes back", async () => {
  await page.go(`${server.url}?q=${encodeURIComponent(STAR)}&path=b.webm`);
  await page.until(`${results} > 0`);
  assert.is(await page.evaluate("document.querySelector('#q').value"), STAR);
  assert.is(await page.evaluate("document.querySelector('#filters').open"), true);
  assert.is(await page.evaluate(firstName), "b.webm");
  await search({ path: "a.webm" });
  await page.until(`${firstName} === 'a.webm'`);
  assert.match(await page.evaluate("location.search"), /path=a\.webm/);
  await page.evaluate("history.back()");
  await page.until(`${firstName} === 'b.webm'`);
  assert.equal(errors(), []);
});

inBrowser("filters, groups, indexes and examples", async () => {
  await page.go(`${server.url}?q=${encodeURIComponent(STAR)}`);
  await page.until(`${results} > 2`);
  await search({ group: true });
  await page.until("document.querySelector('#status').textContent.startsWith('Videos 1 to')");
  const names = await page.evaluate("[...document.querySelectorAll('#results h2')].map((h) => h.textContent)");
  assert.is(new Set(names).size, names.length);
  await search({ group: false, threshold: "1000" });
  await page.until("document.querySelector('#status').textContent.startsWith('Nothing was found')");
  await search({ threshold: "1e" });
  await page.until("document.querySelector('#status').textContent.includes('threshold: expected a number')");
  page.errors.length = 0; // the browser logs the answer 400
  await search({ threshold: "" });
  await page.until(`${results} > 2`);
  await search({ field: "finished>=2026-01 clips:12" });
  await page.until(
    `${results} > 0 && [...document.querySelectorAll('#results h2')].every((h) => h.textContent === 'a.webm')`,
  );
  assert.match(await page.evaluate("location.search"), /field=finished%3E%3D2026-01\+clips%3A12/);
  await search({ field: "" });
  await page.until(`${results} > 2`);
  await page.evaluate("document.querySelectorAll('#indexes input')[1].click()");
  await search({});
  await page.until(`${results} === 1 && ${firstName} === 'elsewhere.mp4'`);
  await page.evaluate("document.querySelectorAll('#indexes input')[1].click()");
  await search({ q: "a red xylophone" });
  await page.until(
    "/^Nothing .* does not know .xylophone.*nearest moments/.test(document.querySelector('#status .nothing')?.textContent)",
  );
  await search({ q: `${STAR} xylophone` });
  await page.until("document.querySelector('#status').textContent.includes('does not know “xylophone”')");
  await search({ q: STAR, path: ".webm" });
  await page.until(`${firstName} !== 'elsewhere.mp4'`);
  const first = await page.evaluate(firstName);
  await page.evaluate("document.querySelector('#results .like').click()");
  await page.until(
    "location.search.includes('like=') && document.querySelector('#status').textContent.includes('like the one')",
  );
  assert.is.not(await page.evaluate(firstName), first);
});

inBrowser("each moment of a video plays at its own time, and so does a click on the bars", async () => {
  await page.go(`${server.url}?q=${encodeURIComponent(STAR)}&group=video&path=a.webm`);
  await page.until("document.querySelectorAll('.play').length === 2");
  const video = "document.querySelector('#results video')";
  for (const [span, start] of [
    ["0:08.0", 8],
    ["0:03.0", 3],
  ] as const) {
    await page.evaluate(
      `[...document.querySelectorAll('.play')].find((b) => b.textContent.includes('${span} to')).click()`,
    );
    await page.until(`!${video}.seeking && ${video}.currentTime >= ${start} && ${video}.currentTime < ${start + 3}`);
    await page.evaluate(`${video}.pause()`);
  }
  await page.evaluate(`{
    const chart = document.querySelector('.chart svg');
    const { left, top, width } = chart.getBoundingClientRect();
    chart.dispatchEvent(new MouseEvent('click', { clientX: left + width * 0.75, clientY: top + 5, bubbles: true }));
  }`);
  await page.until(`${video}.currentTime >= 9 && ${video}.currentTime < 11.5`);
  await page.evaluate(`${video}.pause()`);
  assert.equal(errors(), []);
});

inBrowser("all bars are on one scale with a line at zero", async () => {
  await page.go(`${server.url}?q=${encodeURIComponent(STAR)}&index=index`);
  await page.until(`${results} > 3`);
  const charts = (await page.evaluate(`[...document.querySelectorAll('.chart')].map((chart) => ({
    zero: chart.querySelector('.zero').getAttribute('y1'),
    scale: chart.querySelector('.scale').textContent,
    bars: [...chart.querySelectorAll('.above, .below')].map((bar) => ['y', 'height', 'class'].map((a) => bar.getAttribute(a))),
  }))`)) as { zero: string; scale: string; bars: [string, string, string][] }[];
  assert.is(new Set(charts.map(({ zero, scale }) => `${zero} ${scale}`)).size, 1);
  const heights = charts.map(({ bars }) =>
    Math.max(...bars.filter(([, , c]) => c === "above").map(([, h]) => Number(h)), 0),
  );
  assert.ok(Math.min(...heights) < Math.max(...heights) / 2, "a video without the star has no bar of full height");
  for (const { zero, bars } of charts) {
    for (const [y, height, kind] of bars) {
      const edge = kind === "above" ? Number(y) + Number(height) : Number(y);
      assert.ok(Math.abs(edge - Number(zero)) < 0.51, "a bar begins at the line");
    }
  }
});

inBrowser("names are shown as text, and a video that cannot be played says so", async () => {
  await page.go(`${server.url}?q=${encodeURIComponent(SQUARE)}&index=index`);
  await page.until(`${results} > 3`);
  assert.ok(
    await page.evaluate(
      `[...document.querySelectorAll('#results h2')].some((h) => h.textContent === ${JSON.stringify(EVIL)})`,
    ),
  );
  assert.is(await page.evaluate("document.querySelectorAll('#results img[src=x], main script').length"), 0);
  assert.equal(errors(), []);
  await page.go(`${server.url}?q=${encodeURIComponent(CRESCENT)}&path=broken`);
  await page.until("document.querySelector('#results .player .problem:not([hidden])')");
});

inBrowser("at a width of 390 pixels nothing is cut off, in light and in dark", async () => {
  await page.send("Emulation.setDeviceMetricsOverride", {
    width: 390,
    height: 844,
    deviceScaleFactor: 2,
    mobile: true,
  });
  for (const value of ["light", "dark"]) {
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
    await page.go(`${server.url}?q=${encodeURIComponent(STAR)}&not=${encodeURIComponent(CRESCENT)}`);
    await page.until(`${results} > 2`);
    assert.is(await page.evaluate("document.documentElement.scrollWidth"), 390);
    const small = await page.evaluate(
      "[...document.querySelectorAll('button, input:not([type=checkbox])')].filter((b) => b.offsetParent && b.offsetHeight < 40).map((b) => b.outerHTML)",
    );
    assert.equal(small, [], "what is tapped is large enough");
    await picture(`phone-${value}`);
  }
  assert.equal(errors(), []);
  await page.send("Emulation.clearDeviceMetricsOverride");
  for (const value of ["light", "dark"]) {
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
    await picture(`wide-${value}`);
  }
});

inBrowser("the accessibility checker axe finds nothing, in light and in dark, wide and narrow", async () => {
  const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
  await page.go(`${server.url}?q=${encodeURIComponent(STAR)}`);
  await page.until(`${results} > 2 && ${idle}`);
  for (const width of [1280, 390]) {
    await page.send("Emulation.setDeviceMetricsOverride", { width, height: 844, deviceScaleFactor: 1, mobile: false });
    for (const value of ["light", "dark"]) {
      await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
      const like = await page.evaluate("new URL(document.querySelector('.like').href).search.slice(1)");
      await page.go(`${server.url}?q=${encodeURIComponent(STAR)}&${like}&not=${encodeURIComponent(SQUARE)}`);
      await page.until(`${results} > 2 && ${idle} && document.querySelector('#examples li')`);
      await page.until("document.getAnimations().length === 0"); // pale while they fade in, the results have less contrast
      await page.evaluate(`${axe}; undefined`);
      const found = await page.evaluate(
        "axe.run().then(({ violations, passes }) => ({ passes: passes.length, violations: violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes[0].html}`) }))",
      );
      assert.ok(found.passes > 20, `${found.passes} rules apply`);
      assert.equal(found.violations, [], `${width} ${value}`);
    }
  }
  await page.send("Emulation.clearDeviceMetricsOverride");
});

inBrowser("every moment has stills, and a video that the browser cannot play says so beside them", async () => {
  await page.go(`${server.url}?q=${encodeURIComponent(STAR)}&path=.webm`);
  await page.until(`${results} > 2 && ${idle}`);
  await page.until(
    "[...document.querySelectorAll('#results > li:first-child .strip img')].every((i) => i.naturalWidth === 320)",
  );
  const alts = await page.evaluate(
    "[...document.querySelectorAll('#results > li:first-child .strip img')].map((i) => i.alt)",
  );
  assert.is(alts.length, 3);
  for (const alt of alts) assert.match(alt, /^[ab]\.webm at 0:\d\d\.\d$/);
  assert.equal(errors(), []);
  await page.go(`${server.url}?q=${encodeURIComponent(STAR)}&path=old.avi`);
  await page.until(
    "document.querySelector('#results .player')?.textContent.includes('This browser does not know the format')",
  );
  await page.until("[...document.querySelectorAll('#results .strip img')].every((i) => i.naturalWidth === 320)");
  await picture("no-codec");
  await page.go(`${server.url}?q=${encodeURIComponent(STAR)}&index=index-2`);
  await page.until("document.querySelector('#results .none')?.textContent === 'No pictures of this moment'");
  await page.until(
    "document.querySelector('#results .player .problem')?.textContent.includes('not where the index says')",
  );
});

inBrowser("a search is combined of a sentence and moments, each of which can be taken out", async () => {
  await page.go(`${server.url}?q=${encodeURIComponent(STAR)}&index=index`);
  await page.until(`${results} > 2 && ${idle}`);
  const click = (text: string) =>
    page.evaluate(`[...document.querySelectorAll('a')].find((a) => a.textContent === '${text}').click()`);
  const shown = "[...document.querySelectorAll('#examples li span')].map((s) => s.textContent)";
  await click("also like this");
  await page.until(`${shown}.length === 1 && ${idle}`);
  await click("less like this");
  await page.until(`${shown}.length === 2 && ${idle}`);
  assert.match(await page.evaluate(`${shown}.join()`), /^like [ab]\.webm at 0:\d\d\.\d,less like .+ at 0:\d\d\.\d$/);
  assert.is(await page.evaluate("document.querySelector('#q').value"), STAR);
  const query = new URL(await page.evaluate("location.href")).searchParams;
  assert.is(query.getAll("like").length + query.getAll("not").length, 2);
  await search({ min_seconds: "30" });
  await page.until("document.querySelector('#status').textContent.startsWith('Nothing was found')");
  await search({ min_seconds: "" });
  await page.until(`${results} > 1`);
  await picture("combined");
  await click("take out");
  await page.until(`${shown}.length === 1 && ${idle}`);
  assert.match(await page.evaluate(`${shown}.join()`), /^less like/);
  assert.equal(errors(), []);
});

inBrowser("a picture is chosen or dropped, and what is no picture is refused in a sentence", async () => {
  await page.go(`${server.url}?index=index`);
  await page.until("document.querySelector('#facts').textContent.includes('read at')");
  const { root: body } = await page.send("DOM.getDocument");
  const { nodeId } = await page.send("DOM.querySelector", { nodeId: body.nodeId, selector: "#picture" });
  const choose = (file: string) => page.send("DOM.setFileInputFiles", { nodeId, files: [file] });
  writeFileSync(join(root, "still.jpg"), await stillAt(join(root, "videos", "a.webm"), 5, { width: 160 }));
  await choose(join(root, "still.jpg"));
  await page.until(`location.search.includes('picture%3A') && ${results} > 2 && ${idle}`);
  await page.until("document.querySelector('#examples img').naturalWidth === 160");
  assert.match(
    await page.evaluate("document.querySelector('#status').textContent"),
    /index does not say which video encoder/,
  );
  assert.equal(errors(), []);
  await picture("picture");
  const address = await page.evaluate("location.href");
  await page.go(address);
  await page.until(`${results} > 2`);
  await page.evaluate(`{
    const files = new DataTransfer();
    files.items.add(new File(["<svg/>"], "a.svg", { type: "image/svg+xml" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
  }`);
  await page.until(
    "document.querySelector('#status .problem')?.textContent.startsWith('a.svg: the type of a picture must be one of')",
  );
  assert.is(await page.evaluate("location.href"), address, "the answer stays");
  await page.go(`${server.url}?like=picture:${"A".repeat(22)}`);
  await page.until(
    "document.querySelector('#status').textContent.includes('this picture is not known any more: send it again')",
  );
  await page.until("document.querySelector('#examples a')?.textContent === 'take out'");
});

inBrowser("for screen readers every control has a name, and the result is announced", async () => {
  await page.go(`${server.url}?q=${encodeURIComponent(STAR)}`);
  await page.until(`${results} > 2`);
  await page.send("Accessibility.enable");
  const { nodes } = await page.send("Accessibility.getFullAXTree");
  const roles = ["button", "link", "textbox", "searchbox", "checkbox", "image", "video", "Video"];
  const shown = nodes.filter(
    ({ ignored, role }: { ignored: boolean; role?: { value: string } }) =>
      !ignored && roles.includes(role?.value ?? ""),
  );
  const unnamed = shown.filter(({ name }: { name?: { value: string } }) => !name?.value);
  assert.ok(shown.length > 10);
  assert.equal(unnamed, []);
  const status = nodes.find(({ role }: { role?: { value: string } }) => role?.value === "status");
  assert.ok(status, "the number of results is in a live region");
  assert.is(await page.evaluate("document.documentElement.lang"), "en");
  assert.is(await page.evaluate("document.querySelectorAll('h1').length"), 1);
});

test.run();
