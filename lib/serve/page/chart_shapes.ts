import type { TimeLineResult } from "../answers.js";
import { placeOf, type Scale } from "./scale.js";
import { clock, scoreText } from "./text.js";

export const WIDTH = 600;
export const HEIGHT = 60;

/** A chart as elements of SVG, in the order in which they are drawn. */
export interface ChartShapes {
  /** The whole in words. */
  label: string;
  scaleText: string;
  /** Seconds at the left and the right. */
  first: number;
  last: number;
  shapes: ["rect" | "line", Record<string, string | number>][];
}

/**
 * The scores of a video over time as bars from the zero line, on a scale that charts share.
 * @param parts of a time line, at least one @param moments that are marked, in seconds
 */
export function chartShapes(
  parts: TimeLineResult["parts"],
  moments: readonly { start: number; end: number }[],
  scale: Scale,
): ChartShapes {
  const [first, last] = [parts[0].start, parts[parts.length - 1].end];
  const digits = (value: number) => Number(value.toFixed(2));
  const x = (seconds: number) => ((seconds - first) / Math.max(last - first, 1e-9)) * WIDTH;
  const y = (score: number) => placeOf(score, scale) * HEIGHT;
  const zero = digits(y(0));
  const best = parts.reduce((a, b) => (b.score > a.score ? b : a));
  const worst = parts.reduce((a, b) => (b.score < a.score ? b : a));
  const at = (part: { start: number; end: number }) => clock((part.start + part.end) / 2);
  const label = `Score over time: highest ${scoreText(best.score)} at ${at(best)}, lowest ${scoreText(worst.score)} at ${at(worst)}`;
  const marks = moments.map(({ start, end }): ChartShapes["shapes"][number] => [
    "rect",
    { class: "moment", x: digits(x(start)), y: 0, width: digits(Math.max(1, x(end) - x(start))), height: HEIGHT },
  ]);
  const bars = parts.map(({ start, end, score }): ChartShapes["shapes"][number] => [
    "rect",
    {
      class: score < 0 ? "below" : "above",
      x: digits(x(start)),
      y: digits(Math.min(zero, y(score))),
      width: digits(Math.max(0.5, x(end) - x(start) - 0.5)),
      height: digits(Math.max(0.5, Math.abs(y(score) - zero))),
    },
  ]);
  const line: ChartShapes["shapes"][number] = ["line", { class: "zero", x1: 0, x2: WIDTH, y1: zero, y2: zero }];
  const scaleText = `scale ${scoreText(scale.low)} to ${scoreText(scale.high)}, line at 0`;
  return { label, scaleText, first, last, shapes: [...marks, ...bars, line] };
}
