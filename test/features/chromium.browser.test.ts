// Headless Chromium shows the page of a search correctly.
import { spawnSync } from "node:child_process";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { examplePage } from "./example_page.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("chromium");
const names = [process.env.CHROMIUM ?? "", "chromium", "chromium-browser", "google-chrome"].filter(Boolean);
const browser = names.find((name) => spawnSync(name, ["--version"], { timeout: 60_000 }).status === 0);

if (!browser) {
  process.stdout.write(`SKIP the page in a browser: none of ${names.join(", ")} is there (apt-get install chromium)\n`);
}

test("a browser shows every hit and every picture, and no markup from titles", async () => {
  if (!browser) return;
  const folder = temporaryFolder("chromium");
  try {
    writeFileSync(join(folder, "page.html"), await examplePage(folder));
    const flags = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      `--user-data-dir=${folder}/data`,
    ];
    const open = (...more: string[]) =>
      spawnSync(browser, [...flags, ...more, `file://${folder}/page.html`], {
        encoding: "utf8",
        timeout: 120_000,
        maxBuffer: 64 << 20,
      });
    const { stdout: dom, stderr, status } = open("--dump-dom");
    assert.is(status, 0, stderr);
    const count = (pattern: RegExp) => [...dom.matchAll(pattern)].length;
    assert.is(count(/<li>/g), 12, stderr);
    assert.is(count(/<svg /g), 12);
    assert.is(count(/<img /g), 4);
    assert.is(count(/<script/g), 0);
    assert.is(count(/<[a-z][^>]* onerror=/g), 0);
    assert.match(dom, /<h1>soup &lt;img src=x onerror=alert\(1\)&gt; &amp; "quotes" 'too'<\/h1>/);
    open("--window-size=1000,2000", `--screenshot=${folder}/page.png`);
    assert.ok(statSync(join(folder, "page.png")).size > 20_000, "the screenshot has content");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.run();
