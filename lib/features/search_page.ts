import { basename } from "node:path";
import type { FeatureIndex, SearchHit, SimilarityOverTime } from "./feature_index.js";
import type { TextSearchResult } from "./search_text.js";
import type { DecoderName } from "../video/types.js";
import { clock, escapeHtml, htmlPage, type Still, stillHtml, stillOf } from "../video/html.js";

export interface SearchPageOptions {
  decoder?: DecoderName | undefined;
  /** Maps the name of a video in the index to its current path. Default: the name is its path. */
  locate?: ((video: string) => string) | undefined;
  /** A note below the title, such as the origin of the weights. */
  note?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** A hit with its picture. */
export interface PageHit extends SearchHit {
  /** A frame from the middle of the span. */
  still: Still;
  similarity: SimilarityOverTime;
}

/**
 * A search as a self-contained page: ranked hits with a picture at the matching time, span and score, and the score of
 * the whole video over time. A video that moved or cannot be decoded has a message in place of its picture.
 */
export async function searchPage(
  index: FeatureIndex,
  { query, vector, hits, fit }: TextSearchResult,
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
    const still = await stillOf(locate(hit.video), (hit.start + hit.end) / 2, { decoder, signal });
    shown.push({ ...hit, still, similarity });
  }
  return renderPage({ query, note, nothing: fit?.message, rows: index.size, videos: index.videos().length }, shown);
}

interface PageFacts {
  query: string;
  note?: string | undefined;
  /** Why nothing fits. */
  nothing?: string | undefined;
  rows: number;
  videos: number;
}

/** The page's HTML. Text from files and users is escaped; the page loads and runs nothing. @internal */
function renderPage({ query, note, nothing, rows, videos }: PageFacts, hits: readonly PageHit[]): string {
  return htmlPage({
    title: query,
    header: `<p>${hits.length} of ${rows} rows in ${videos} ${videos === 1 ? "video" : "videos"}</p>
${nothing ? `<p class="nothing" role="status">${escapeHtml(nothing)}. These are only the nearest moments.</p>` : ""}
${note ? `<p>${escapeHtml(note)}</p>` : ""}`,
    body: hits.length > 0 ? `<ol>\n${hits.map(renderHit).join("\n")}\n</ol>` : "<p>Nothing was found.</p>",
    style: STYLE,
  });
}

function renderHit(hit: PageHit, i: number): string {
  const { video, start, end, score, still } = hit;
  const span = `${clock(start)} to ${clock(end)}`;
  const picture = stillHtml(still, `${basename(video)} at ${clock((start + end) / 2)}`);
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

/** Scores over time as bars from the video's lowest to its highest, with the hit's span marked. */
function renderStrip({ similarity: { spans, scores }, start, end, row: _ }: PageHit): string {
  const length = Math.max(...spans.map((span) => span.end), Number.MIN_VALUE);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const x = (seconds: number) => ((seconds / length) * WIDTH).toFixed(1);
  const height = (score: number) => (high > low ? 4 + ((HEIGHT - 4) * (score - low)) / (high - low) : HEIGHT);
  const bars = spans.map((span, i) => {
    // rows may overlap, so a bar ends where the next one begins
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

const STYLE = `
svg { width: 100%; height: ${HEIGHT}px; display: block; margin-top: .5rem; }
svg rect { fill: #6b9bd1; } svg rect.hit { fill: #d1495b; } svg rect.span { fill: #d1495b33; }
.nothing { border-left: 4px solid #d1495b; padding-left: .75rem; font-weight: bold; }
.scale { display: flex; justify-content: space-between; color: #888; font-size: .8rem; }
`;
