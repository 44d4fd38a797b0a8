import { basename } from "node:path";
import type { FeatureIndex, SearchHit, SimilarityOverTime } from "./feature_index.js";
import type { TextSearchResult } from "./search_text.js";
import { stillAt } from "../video/still.js";
import type { DecoderName } from "../video/types.js";

export interface SearchPageOptions {
  decoder?: DecoderName;
  /** Videos that moved: where the video of a name in the index is now. Default: the name is its path. */
  locate?: (video: string) => string;
  /** Said below the title, such as where the weights come from. */
  note?: string;
  signal?: AbortSignal;
}

/** A hit with what the page shows of it. */
export interface PageHit extends SearchHit {
  /** JPEG of the video in the middle of the span, or why there is none. */
  still: { jpeg: Uint8Array } | { reason: string };
  similarity: SimilarityOverTime;
}

/**
 * One self-contained page of a search: ranked hits with a picture at the matching time, span and score, and how the whole video
 * scores over time. A video that moved or cannot be decoded says so in place of its picture.
 */
export async function searchPage(
  index: FeatureIndex,
  { query, vector, hits }: TextSearchResult,
  { decoder, locate = (video) => video, note, signal }: SearchPageOptions = {},
): Promise<string> {
  const strips = new Map<string, SimilarityOverTime>();
  const shown: PageHit[] = [];
  for (const hit of hits) {
    signal?.throwIfAborted();
    let similarity = strips.get(hit.video);
    if (!similarity) {
      similarity = await index.similarityOverTime(vector, hit.video, { signal });
      strips.set(hit.video, similarity);
    }
    const path = locate(hit.video);
    const still = await stillAt(path, (hit.start + hit.end) / 2, { decoder, signal }).then(
      (jpeg) => ({ jpeg }),
      (error) => {
        signal?.throwIfAborted();
        return { reason: error instanceof Error ? error.message : String(error) };
      },
    );
    shown.push({ ...hit, still, similarity });
  }
  return renderPage({ query, note, rows: index.size, videos: index.videos().length }, shown);
}

interface PageFacts {
  query: string;
  note?: string;
  rows: number;
  videos: number;
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
/** Text for HTML, in elements and in quoted attributes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => ENTITIES[c]);

/** The page's HTML. Everything that comes from files or people is escaped; nothing is loaded, nothing runs. @internal */
export function renderPage({ query, note, rows, videos }: PageFacts, hits: readonly PageHit[]): string {
  const title = escapeHtml(query);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>${title}</h1>
<p>${hits.length} of ${rows} rows in ${videos} ${videos === 1 ? "video" : "videos"}</p>
${note ? `<p>${escapeHtml(note)}</p>` : ""}</header>
${hits.length > 0 ? `<ol>\n${hits.map(renderHit).join("\n")}\n</ol>` : "<p>Nothing was found.</p>"}
</body>
</html>
`;
}

function renderHit(hit: PageHit, i: number): string {
  const { video, start, end, score, still } = hit;
  const span = `${clock(start)} to ${clock(end)}`;
  const picture =
    "jpeg" in still
      ? `<img alt="${escapeHtml(basename(video))} at ${clock((start + end) / 2)}" src="data:image/jpeg;base64,${Buffer.from(still.jpeg).toString("base64")}">`
      : `<p class="missing">No picture: ${escapeHtml(still.reason)}</p>`;
  return `<li>
<div class="picture">${picture}</div>
<div><h2>${i + 1}. ${escapeHtml(basename(video))}</h2>
<p><b>${span}</b>, score ${score.toFixed(4)}</p>
<p class="path">${escapeHtml(video)}</p>
${renderStrip(hit)}</div>
</li>`;
}

const WIDTH = 600;
const HEIGHT = 48;

/** Scores over time as bars from the video's lowest to its highest, the hit's span marked. */
function renderStrip({ similarity: { spans, scores }, start, end, row: _ }: PageHit): string {
  const length = Math.max(...spans.map((span) => span.end), Number.MIN_VALUE);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const x = (seconds: number) => ((seconds / length) * WIDTH).toFixed(1);
  const height = (score: number) => (high > low ? 4 + ((HEIGHT - 4) * (score - low)) / (high - low) : HEIGHT);
  const bars = spans.map((span, i) => {
    // rows may overlap: a bar is as wide as the time until the next one begins
    const next = spans[i + 1] && spans[i + 1].start > span.start ? spans[i + 1].start : span.end;
    const [tall, marked] = [height(scores[i]), span.start === start && span.end === end];
    const width = Math.max(0.5, Number(x(next)) - Number(x(span.start)) - 0.5).toFixed(1);
    return `<rect x="${x(span.start)}" y="${(HEIGHT - tall).toFixed(1)}" width="${width}" height="${tall.toFixed(1)}"${marked ? ' class="hit"' : ""}><title>${clock(span.start)} to ${clock(span.end)}: ${scores[i].toFixed(4)}</title></rect>`;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Similarity over time, ${low.toFixed(4)} to ${high.toFixed(4)}" preserveAspectRatio="none">
<rect class="span" x="${x(start)}" y="0" width="${(Number(x(end)) - Number(x(start))).toFixed(1)}" height="${HEIGHT}"/>
${bars.join("")}
</svg>
<p class="scale"><span>0:00</span><span>${low.toFixed(3)} to ${high.toFixed(3)}</span><span>${clock(length)}</span></p>`;
}

/** `h:mm:ss.s`, or `m:ss.s` below an hour. */
export function clock(seconds: number): string {
  const tenths = Math.round(seconds * 10);
  const [h, m, s] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, (tenths % 600) / 10];
  const rest = `${s.toFixed(1).padStart(4, "0")}`;
  return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
}

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.05rem; margin: 0; } p { margin: .2rem 0; }
ol { list-style: none; padding: 0; }
li { display: flex; gap: 1rem; padding: 1rem 0; border-top: 1px solid #8884; }
.picture { flex: 0 0 14rem; } .picture img { width: 100%; border-radius: 4px; display: block; }
li > div:last-child { flex: 1; min-width: 0; }
.missing { padding: 1rem; border: 1px dashed #8888; border-radius: 4px; overflow-wrap: anywhere; }
.path { color: #888; font-size: .85rem; overflow-wrap: anywhere; }
svg { width: 100%; height: ${HEIGHT}px; display: block; margin-top: .5rem; }
svg rect { fill: #6b9bd1; } svg rect.hit { fill: #d1495b; } svg rect.span { fill: #d1495b33; }
.scale { display: flex; justify-content: space-between; color: #888; font-size: .8rem; }
@media (max-width: 40rem) { li { flex-direction: column; } .picture { flex-basis: auto; } }
`;
