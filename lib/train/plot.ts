import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import type { MetricsLine } from "./metrics.js";

const WIDTH = 900;
const PANEL = 260;
const MARGIN = { top: 34, right: 24, bottom: 30, left: 76 };
const [COLOR, SECOND_COLOR] = ["#1f77b4", "#d95f02"];

/** Measures that are drawn first; the others follow by name. */
const FIRST = ["loss", "gradientNorm", "learningRate"];
const HIDDEN = new Set(["step", "skipped", "samplesPerSecond", "evaluation.queries", "evaluation.candidates"]);
/** The measure that is drawn over another one. */
const OVER: Record<string, string> = { loss: "evaluation.loss" };

/** Names of the measures of a run, in drawing order. */
export function measuresOf(lines: readonly MetricsLine[]): string[] {
  const names = new Set(lines.flatMap((entry) => Object.keys(entry)));
  const drawnOver = Object.entries(OVER).flatMap(([below, name]) => (names.has(below) ? name : []));
  const rest = [...names].filter((name) => ![...HIDDEN, ...FIRST, ...drawnOver].includes(name)).sort();
  return [...FIRST.filter((name) => names.has(name)), ...rest];
}

/** Curves of a run over its steps as SVG, a panel for each measure; values that are not finite are gaps. */
export function plotSvg(lines: readonly MetricsLine[]): string {
  const measures = measuresOf(lines);
  const height = Math.max(1, measures.length) * PANEL;
  const panels = measures.map((name, i) => panel(name, lines, i * PANEL));
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" ` +
    `font-family="DejaVu Sans, sans-serif" font-size="12">` +
    `<rect width="100%" height="100%" fill="white"/>${panels.join("")}</svg>\n`
  );
}

/** Steps and values of a measure; null for a value that is not finite. */
const pointsOf = (name: string, lines: readonly MetricsLine[]): [number, number | null][] =>
  lines.flatMap((entry): [number, number | null][] => {
    const value = entry[name];
    if (value === undefined) return [];
    return [[entry.step, typeof value === "number" && Number.isFinite(value) ? value : null]];
  });
const finite = (points: readonly [number, number | null][]): number[] =>
  points.flatMap(([, value]) => (value === null ? [] : [value]));

function panel(name: string, lines: readonly MetricsLine[], top: number): string {
  const names = [name, ...(name in OVER ? [OVER[name]] : [])];
  const series = names.map((each) => ({ name: each, points: pointsOf(each, lines) }));
  const drawn = series.filter(({ points }) => points.length > 0);
  const x = scaleLinear()
    .domain(extent(drawn.flatMap(({ points }) => points.map(([step]) => step))))
    .range([MARGIN.left, WIDTH - MARGIN.right]);
  const y = scaleLinear()
    .domain(extent(drawn.flatMap(({ points }) => finite(points))))
    .nice()
    .range([top + PANEL - MARGIN.bottom, top + MARGIN.top]);
  const curve = line<[number, number | null]>()
    .defined(([, value]) => value !== null)
    .x(([step]) => x(step))
    .y(([, value]) => y(value!));
  const titles = drawn.map(({ name: each, points }, i) => {
    const last = finite(points).at(-1);
    const color = drawn.length > 1 ? ` fill="${colorOf(i)}"` : "";
    const gap = i === 0 ? "" : ` dx="24"`;
    return `<tspan${color}${gap}>${escape(each)}${last === undefined ? "" : `, last ${format(last)}`}</tspan>`;
  });
  return [
    `<text x="${MARGIN.left}" y="${top + 20}" font-size="14">${titles.join("")}</text>`,
    ...y.ticks(5).map((tick) => {
      const at = y(tick).toFixed(1);
      return (
        `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at}" y2="${at}" stroke="#ddd"/>` +
        `<text x="${MARGIN.left - 8}" y="${at}" dy="4" text-anchor="end">${format(tick)}</text>`
      );
    }),
    ...x.ticks(8).map((tick) => {
      const at = x(tick).toFixed(1);
      return `<text x="${at}" y="${top + PANEL - MARGIN.bottom + 18}" text-anchor="middle">${format(tick)}</text>`;
    }),
    ...drawn.map(({ points }, i) => drawCurve(points, curve(points) ?? "", x, y, colorOf(i))),
  ].join("");
}

const colorOf = (i: number): string => (i === 0 ? COLOR : SECOND_COLOR);

/** The path of a curve; a path of one point draws nothing, so it becomes a circle. */
function drawCurve(
  points: readonly [number, number | null][],
  path: string,
  x: (step: number) => number,
  y: (value: number) => number,
  color: string,
): string {
  const whole = points.flatMap(([step, value]): [number, number][] => (value === null ? [] : [[step, value]]));
  const single = whole.length === 1 ? circle(x(whole[0][0]), y(whole[0][1]), color) : "";
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.5"/>${single}`;
}

const circle = (x: number, y: number, color: string): string =>
  `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3" fill="${color}"/>`;

/** The smallest and the largest value; never an empty range. */
function extent(values: readonly number[]): [number, number] {
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (values.length === 0) return [0, 1];
  return low === high ? [low - Math.abs(low || 1) / 2, high + Math.abs(high || 1) / 2] : [low, high];
}

const format = (value: number): string => String(Number(value.toPrecision(4)));
const escape = (text: string): string => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
