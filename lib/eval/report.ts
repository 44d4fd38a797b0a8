import { readdirSync } from "node:fs";
import { join, parse } from "node:path";
import { clock, escapeHtml, htmlPage, stillHtml, stillOf } from "../video/html.js";
import { matrixBitmap } from "./bitmap.js";
import type { Example, Strip } from "./example.js";

/** A curve through points. */
export interface Curve {
  name: string;
  /** Name of the x axis. */
  axis: string;
  /** In order of x; y from 0 to 1. */
  points: readonly (readonly [number, number])[];
}

export interface Report {
  title: string;
  /** The metrics of the command; nested ones get a heading. */
  metrics: object;
  curves?: readonly Curve[] | undefined;
  matrix?: { values: ArrayLike<number>; shape: readonly [number, number] } | undefined;
  examples: readonly Example[];
  /** Folder of the videos, for pictures. */
  pictures?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** Number of best and of worst examples. */
const SHOWN = 8;

/**
 * An evaluation as a self-contained page: metrics, curves, the similarity matrix, and its best and worst examples, with
 * pictures if the videos are given.
 */
export async function reportPage(report: Report): Promise<string> {
  const { title, metrics, curves = [], matrix, examples } = report;
  const sorted = [...examples].sort((a, b) => b.quality - a.quality);
  const best = sorted.slice(0, SHOWN);
  const worst = sorted.slice(best.length).slice(-SHOWN).reverse();
  const videos = report.pictures === undefined ? undefined : videosIn(report.pictures);
  const list = async (name: string, items: readonly Example[]) =>
    items.length === 0
      ? ""
      : `<h2>${name}</h2>\n<ol>\n${(await inTurn(items, (item) => exampleHtml(item, videos, report.signal))).join("\n")}\n</ol>`;
  return htmlPage({
    title,
    header: figuresHtml(metrics),
    body: [
      ...curves.map(curveHtml),
      matrix ? matrixHtml(matrix) : "",
      await list("Best", best),
      await list("Worst", worst),
    ].join("\n"),
    style: STYLE,
  });
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

/** Paths of the files of a folder by name, with and without extension. */
function videosIn(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return new Map(names.flatMap((name) => [parse(name).base, parse(name).name].map((key) => [key, join(folder, name)])));
}

function figuresHtml(metrics: object): string {
  const rows = Object.entries(metrics).map(([name, value]) => {
    const nested = typeof value === "object" && value !== null && !Array.isArray(value);
    const shown = nested ? figuresHtml(value as object) : escapeHtml(format(value));
    return `<tr><th>${escapeHtml(name)}</th><td>${shown}</td></tr>`;
  });
  return `<table>${rows.join("")}</table>`;
}

function format(value: unknown): string {
  if (Array.isArray(value)) return value.map(format).join(" to ");
  return typeof value === "number" ? String(Number(value.toFixed(4))) : String(value);
}

const [WIDTH, HEIGHT] = [600, 160];

function curveHtml({ name, axis, points }: Curve): string {
  const last = points[points.length - 1]?.[0] ?? 1;
  const x = (value: number) => ((value / last) * WIDTH).toFixed(1);
  const y = (value: number) => ((1 - value) * HEIGHT).toFixed(1);
  const path = points.map(([at, value], i) => `${i === 0 ? "M" : "L"}${x(at)},${y(value)}`).join("");
  return `<h2>${escapeHtml(name)}</h2>
<svg class="curve" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(name)} over ${escapeHtml(axis)}" preserveAspectRatio="none">
<path d="M0,0H${WIDTH}M0,${HEIGHT / 2}H${WIDTH}M0,${HEIGHT}H${WIDTH}" class="grid"/><path d="${path}"/></svg>
<p class="scale"><span>${points[0]?.[0] ?? 0}</span><span>${escapeHtml(axis)}; from 0 to 1</span><span>${last}</span></p>`;
}

function matrixHtml({ values, shape }: NonNullable<Report["matrix"]>): string {
  const bytes = Buffer.from(matrixBitmap(values, shape)).toString("base64");
  return `<h2>Similarity</h2>
<p>${shape[0]} queries (down) by ${shape[1]} candidates (across), from the lowest score, dark, to the highest, yellow</p>
<img class="matrix" alt="Similarity matrix" src="data:image/bmp;base64,${bytes}">`;
}

async function exampleHtml(
  { title, lines, video, time, strips, length }: Example,
  videos: ReadonlyMap<string, string> | undefined,
  signal?: AbortSignal,
): Promise<string> {
  const path = videos?.get(video) ?? videos?.get(parse(video).name);
  const still = !videos
    ? ""
    : stillHtml(
        path === undefined ? { reason: `there is no ${video}` } : await stillOf(path, time, { signal }),
        `${video} at ${clock(time)}`,
      );
  return `<li>
${still && `<div class="picture">${still}</div>`}
<div><h2>${escapeHtml(title)}</h2>
${lines.map((line) => `<p>${escapeHtml(line)}</p>`).join("")}
<p class="path">${escapeHtml(video)}</p>
${strips.map((strip) => stripHtml(strip, length)).join("")}</div>
</li>`;
}

function stripHtml({ name, spans }: Strip, length: number): string {
  const x = (seconds: number) => ((Math.min(seconds, length) / length) * WIDTH).toFixed(1);
  const rects = spans.map(({ start, end, label, class: kind }) => {
    const width = Math.max(1, Number(x(end)) - Number(x(start))).toFixed(1);
    // hues by the golden angle, so that neighbouring classes differ
    const fill = `hsl(${Math.round((kind * 137.5) % 360)} 55% 55%)`;
    return `<rect x="${x(start)}" y="0" width="${width}" height="14" fill="${fill}"><title>${escapeHtml(label)}, ${clock(start)} to ${clock(end)}</title></rect>`;
  });
  return `<p class="strip"><span>${escapeHtml(name)}</span><svg viewBox="0 0 ${WIDTH} 14" preserveAspectRatio="none">${rects.join("")}</svg></p>`;
}

const STYLE = `
table { border-collapse: collapse; margin: .5rem 0; } th { text-align: left; font-weight: normal; padding-right: 1.5rem; vertical-align: top; color: #888; }
svg.curve { width: 100%; height: 10rem; display: block; } svg.curve path { fill: none; stroke: #6b9bd1; stroke-width: 2; } svg.curve path.grid { stroke: #8884; stroke-width: 1; }
.scale { display: flex; justify-content: space-between; color: #888; font-size: .8rem; }
img.matrix { width: 100%; max-width: 32rem; image-rendering: pixelated; display: block; }
.strip { display: flex; gap: .5rem; align-items: center; } .strip span { flex: 0 0 6rem; color: #888; font-size: .8rem; } .strip svg { flex: 1; height: 14px; background: #8882; }
`;
