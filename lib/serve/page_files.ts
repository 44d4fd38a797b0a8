import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assertNotBundled } from "../base/bundled.js";
import { PICTURE_TYPES } from "./pictures.js";
import { STYLE } from "./page_style.js";

/** A file of the page, as it is sent. */
interface PageFile {
  type: string;
  text: string;
}

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>videoclip</title>
<link rel="icon" href="/page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page/style.css">
<script type="module" src="/page/app.js"></script>
</head>
<body>
<header>
<h1><a href="/">videoclip</a></h1>
<p id="facts"></p>
</header>
<main>
<search>
<form id="search" action="/" method="get">
<div class="line">
<label for="q">What happens in the video</label>
<input id="q" name="q" type="search" maxlength="1000" autocomplete="off" aria-keyshortcuts="/" autofocus>
<button type="submit">Search</button>
</div>
<p class="picture"><label class="button">Search with a picture or clip<input id="picture" type="file" accept="${PICTURE_TYPES.join()}"></label>
<span>or drop or paste one. With a sentence, both count.</span></p>
<ul id="examples" aria-label="Examples of this search"></ul>
<details id="filters">
<summary>Filters</summary>
<div class="fields">
<label>Less like <input name="not" type="text" maxlength="1000" autocomplete="off"></label>
<label>Path contains <input name="path" type="text" maxlength="1000" autocomplete="off"></label>
<label class="number">Seconds at least <input name="min_seconds" type="text" inputmode="decimal" maxlength="20" autocomplete="off" size="8"></label>
<label class="number">Seconds at most <input name="max_seconds" type="text" inputmode="decimal" maxlength="20" autocomplete="off" size="8"></label>
<label class="number">Score at least <input name="threshold" type="text" inputmode="decimal" maxlength="20" autocomplete="off" size="8"></label>
<label id="fields" hidden>Fields of the video <input name="field" type="text" maxlength="1000" autocomplete="off"></label>
<label class="box"><input name="group" type="checkbox" value="video"> One result for each video</label>
<div id="indexes"></div>
</div>
</details>
</form>
</search>
<div id="status" role="status" tabindex="-1"></div>
<ol id="results" aria-label="Results"></ol>
<nav aria-label="Pages">
<button id="previous" type="button" hidden>Previous</button>
<button id="next" type="button" hidden>Next</button>
</nav>
<noscript><p class="problem">This page needs its script.</p></noscript>
</main>
<footer><p>A score ranks the moments of one answer. The best one may still fit badly: look where the bars are against the line at 0. Press / to go to the sentence.</p></footer>
</body>
</html>
`;

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#2563a8"/><path d="M5 4l7 4-7 4z" fill="#fff"/></svg>`;

let files: Map<string, PageFile> | undefined;

/** The page, its style, and its scripts, which are read once. */
function pageFiles(): Map<string, PageFile> {
  if (files) return files;
  assertNotBundled();
  const folder = fileURLToPath(new URL(/* webpackIgnore: true */ "./page/", import.meta.url));
  files = new Map([
    ["/", { type: "text/html; charset=utf-8", text: PAGE }],
    ["/page/style.css", { type: "text/css; charset=utf-8", text: STYLE }],
    ["/page/icon.svg", { type: "image/svg+xml", text: ICON }],
  ]);
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".js")) continue;
    const text = readFileSync(`${folder}${name}`, "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, "");
    files.set(`/page/${name}`, { type: "text/javascript; charset=utf-8", text });
  }
  return files;
}

/** All paths of the page. @internal */
export const pagePaths = (): string[] => [...pageFiles().keys()];

/** A file of the page. @returns undefined for a path that is none */
export function pageFile(path: string): Response | undefined {
  const file = pageFiles().get(path);
  // another version of the package may be behind the same address tomorrow
  return file && new Response(file.text, { headers: { "Content-Type": file.type, "Cache-Control": "no-cache" } });
}
