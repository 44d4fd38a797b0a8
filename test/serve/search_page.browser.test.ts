// Headless Chromium shows the page of a search correctly, and plays its videos at the moment.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BrowserPage, CHROMIUM, NO_CHROMIUM } from "../support/chromium.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { examplePage } from "./example_page.js";

const test = suite("serve: the page of one search in a browser");
const folder = temporaryFolder("search-page");

if (!CHROMIUM) process.stdout.write(`SKIP the page in a browser: ${NO_CHROMIUM}\n`);

test("a browser shows every moment and every picture, no markup from titles, and plays at the time", async () => {
  if (!CHROMIUM) return;
  writeFileSync(join(folder, "page.html"), await examplePage(folder));
  const page = await BrowserPage.open(join(folder, "data"));
  try {
    await page.go(pathToFileURL(join(folder, "page.html")).href);
    const count = (selector: string) => page.evaluate(`document.querySelectorAll(${JSON.stringify(selector)}).length`);
    assert.is(await count("#results > li"), 12);
    assert.is(await count(".chart svg"), 12);
    assert.is(await count("video"), 4);
    assert.is(await count("script, [onerror]"), 0);
    assert.is(
      await page.evaluate("document.querySelector('h1').textContent"),
      `soup <img src=x onerror=alert(1)> & "quotes" 'too'`,
    );
    assert.is(
      await page.evaluate("[...document.querySelectorAll('.strip img')].filter((i) => i.naturalWidth === 320).length"),
      12,
    );
    const loaded = () => page.requests.filter((url) => !url.startsWith("data:") && !url.endsWith("page.html"));
    assert.equal(loaded(), []);
    const video = "document.querySelector('video')";
    await page.evaluate(`void ${video}.play()`);
    await page.until(`${video}.currentTime >= 3`);
    assert.is(new Set(loaded()).size, 1, "only the video that is played is loaded");
    assert.equal(page.errors, []);
    const axe = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
    for (const [width, value] of [
      [1280, "light"],
      [390, "dark"],
    ] as const) {
      // prettier-ignore
      await page.send("Emulation.setDeviceMetricsOverride", { width, height: 844, deviceScaleFactor: 1, mobile: false });
      await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
      assert.ok((await page.evaluate("document.documentElement.scrollWidth")) <= width, "nothing is cut off");
      await page.evaluate(`${axe}; undefined`);
      const found = await page.evaluate(
        "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))",
      );
      assert.equal(found, [], `${width} ${value}`);
    }
  } finally {
    await page.close();
  }
});

test.run();
