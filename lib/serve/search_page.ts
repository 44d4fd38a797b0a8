import { relative, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import type { FeatureIndex } from "../features/feature_index.js";
import type { SearchHit } from "../features/search_hits.js";
import type { TextSearchResult } from "../features/search_text.js";
import type { DecoderName } from "../video/types.js";
import { escapeHtml, type Still, stillHtml, stillOf } from "../video/html.js";
import { mergeOverlapping, timeLine } from "./moments.js";
import { chartShapes, HEIGHT, WIDTH } from "./page/chart_shapes.js";
import { type Scale, scaleOf } from "./page/scale.js";
import { clock, fileName, scoreText } from "./page/text.js";
import { STYLE } from "./page_style.js";

export interface SearchPageOptions {
  decoder?: DecoderName | undefined;
  /** Maps the name of a video in the index to its current path. Default: the name is its path. */
  locate?: ((video: string) => string) | undefined;
  /** Folder that the page is written to: it names videos by their place from there, so that both can move together. */
  folder?: string | undefined;
  /** A note below the title, such as the origin of the weights. */
  note?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** Stills of a moment; the middle one is also that of the player. */
const STILLS = 3;
/** Parts of the scores over time. */
const BINS = 300;

type Parts = ReturnType<typeof timeLine>;

/** A moment with its pictures, and the scores of its whole video. */
interface PageMoment extends SearchHit {
  stills: readonly { time: number; still: Still }[];
  /** Address of the video from the page; undefined if it cannot be named. */
  address: string | undefined;
  parts: Parts;
}

/**
 * A search as one page: the moments that were found, best first, with pictures, a player that begins there, and the score of the whole video
 * over time. Overlapping hits are one moment, and all charts have one scale with a line at zero. The page runs nothing, and loads only the
 * videos that are played. A video that moved or cannot be decoded has a message in place of its pictures.
 */
export async function searchPage(
  index: FeatureIndex,
  { query, vector, hits, fit }: TextSearchResult,
  { decoder, locate = (video) => video, folder, note, signal }: SearchPageOptions = {},
): Promise<string> {
  const lines = new Map<string, Parts>();
  const shown: PageMoment[] = [];
  for (const hit of mergeOverlapping(hits.map((each) => ({ ...each, index: "" })))) {
    signal?.throwIfAborted();
    let parts = lines.get(hit.video);
    if (!parts) {
      const { spans, scores } = await index.similarityOverTime(vector, hit.video, { signal });
      lines.set(hit.video, (parts = timeLine(spans, scores, BINS)));
    }
    const path = locate(hit.video);
    const stills: { time: number; still: Still }[] = [];
    for (let i = 0; i < STILLS; i++) {
      const time = hit.start + ((i + 0.5) / STILLS) * (hit.end - hit.start);
      const still = await stillOf(path, time, { decoder, signal });
      stills.push({ time, still });
      if ("reason" in still) break; // the others would have the same
    }
    shown.push({ ...hit, stills, address: addressOf(path, folder), parts });
  }
  const scale = scaleOf([...lines.values()].flat().map(({ score }) => score));
  return renderPage(
    { query, note, nothing: fit?.message, rows: index.size, videos: index.videos().length },
    shown,
    scale,
  );
}

/** The address of a file of this machine from a page in `folder`. */
function addressOf(path: string, folder: string | undefined): string | undefined {
  if (path.includes("://") || path.includes("\0")) return undefined;
  const way = folder === undefined ? undefined : relative(resolve(folder), resolve(path));
  // another drive has no way from here
  if (way === undefined || resolve(way) === way) return pathToFileURL(resolve(path)).href;
  return `./${way.split(sep).map(encodeURIComponent).join("/")}`;
}

interface PageFacts {
  query: string;
  note?: string | undefined;
  /** Why nothing fits. */
  nothing?: string | undefined;
  rows: number;
  videos: number;
}

const CONTENT =
  "default-src 'none'; img-src data:; media-src 'self' file:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The page's HTML. Text from files and users is escaped. */
function renderPage(facts: PageFacts, moments: readonly PageMoment[], scale: Scale): string {
  const { query, note, nothing, rows, videos } = facts;
  const title = escapeHtml(query);
  const count = `${moments.length} ${moments.length === 1 ? "moment" : "moments"}, best first`;
  const searched = `${videos} ${videos === 1 ? "video" : "videos"}, ${rows} windows`;
  const list = `<ol id="results">\n${moments.map((moment) => renderMoment(moment, scale)).join("\n")}\n</ol>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${CONTENT}">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>${title}</h1>
<p id="facts">${count}, of ${searched}</p>
${note ? `<p>${escapeHtml(note)}</p>` : ""}</header>
<main>${nothing ? `<p class="nothing">${escapeHtml(nothing)}. These are only the nearest moments.</p>` : ""}
${moments.length > 0 ? list : "<p>Nothing was found.</p>"}</main>
<footer><p>A score ranks the moments of this page. The best one may still fit badly: look where the bars are against the line at 0.</p></footer>
</body>
</html>
`;
}

function renderMoment(moment: PageMoment, scale: Scale): string {
  const { video, start, end, score, address, stills, parts } = moment;
  const [name, span] = [fileName(video), `${clock(start)} to ${clock(end)}`];
  const from = address && `${escapeHtml(address)}#t=${start.toFixed(1)}`;
  const { still } = stills[Math.floor(stills.length / 2)];
  const isThere = "jpeg" in still;
  const poster = isThere ? ` poster="data:image/jpeg;base64,${Buffer.from(still.jpeg).toString("base64")}"` : "";
  const player =
    isThere && from
      ? `<video controls preload="none" playsinline aria-label="${escapeHtml(`${name} from ${span}`)}" src="${from}"${poster}></video>`
      : "";
  const pictures = stills.map(({ time, still: one }) => stillHtml(one, `${name} at ${clock(time)}`)).join("");
  return `<li>
${player === "" ? "" : `<div class="player">${player}</div>`}
<div class="facts"><h2>${escapeHtml(name)}</h2>
<p class="path">${isThere && from ? `<a href="${from}">${escapeHtml(video)}</a>` : escapeHtml(video)}</p>
<p><b>${span}</b>, score ${scoreText(score)}</p>
<div class="strip">${pictures}</div>
${renderChart(parts, moment, scale)}</div>
</li>`;
}

function renderChart(parts: Parts, moment: { start: number; end: number }, scale: Scale): string {
  const { label, scaleText, first, last, shapes } = chartShapes(parts, [moment], scale);
  const drawn = shapes.map(([name, attributes]) => {
    const pairs = Object.entries(attributes).map(([key, value]) => `${key}="${value}"`);
    return `<${name} ${pairs.join(" ")}/>`;
  });
  return `<figure class="chart"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(label)}" preserveAspectRatio="none">${drawn.join("")}</svg>
<figcaption><span>${clock(first)}</span><span class="scale">${scaleText}</span><span>${clock(last)}</span></figcaption></figure>`;
}
