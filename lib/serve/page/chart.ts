/// <reference lib="dom" />
import type { TimeLineResult } from "../answers.js";
import { html, svg } from "./dom.js";
import { placeOf, type Scale } from "./scale.js";
import { clock, scoreText } from "./text.js";

const WIDTH = 600;
const HEIGHT = 60;

interface ChartFacts {
  line: TimeLineResult;
  /** The moments that are marked, in seconds. */
  moments: readonly { start: number; end: number }[];
  scale: Scale;
  /** Called with the time of a click. */
  onSeek: (seconds: number) => void;
}

/** The scores of a video over time as bars from the zero line, on the scale of the whole answer. */
export function chart({ line: { parts }, moments, scale, onSeek }: ChartFacts): HTMLElement {
  const [first, last] = [parts[0].start, parts[parts.length - 1].end];
  const x = (seconds: number) => ((seconds - first) / Math.max(last - first, 1e-9)) * WIDTH;
  const y = (score: number) => placeOf(score, scale) * HEIGHT;
  const zero = y(0);
  const best = parts.reduce((a, b) => (b.score > a.score ? b : a));
  const worst = parts.reduce((a, b) => (b.score < a.score ? b : a));
  const label =
    `Score over time: highest ${scoreText(best.score)} at ${clock((best.start + best.end) / 2)}, ` +
    `lowest ${scoreText(worst.score)} at ${clock((worst.start + worst.end) / 2)}`;
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    ...moments.map(({ start, end }) =>
      svg("rect", { class: "moment", x: x(start), y: 0, width: Math.max(1, x(end) - x(start)), height: HEIGHT }),
    ),
    ...parts.map(({ start, end, score }) =>
      svg("rect", {
        class: score < 0 ? "below" : "above",
        x: x(start),
        y: Math.min(zero, y(score)),
        width: Math.max(0.5, x(end) - x(start) - 0.5),
        height: Math.max(0.5, Math.abs(y(score) - zero)),
      }),
    ),
    svg("line", { class: "zero", x1: 0, x2: WIDTH, y1: zero, y2: zero }),
  );
  picture.addEventListener("click", (event) => {
    const { left, width } = picture.getBoundingClientRect();
    onSeek(first + ((event.clientX - left) / width) * (last - first));
  });
  const scaleText = `scale ${scoreText(scale.low)} to ${scoreText(scale.high)}, line at 0`;
  return html(
    "figure",
    { class: "chart" },
    picture,
    html(
      "figcaption",
      {},
      html("span", {}, clock(first)),
      html("span", { class: "scale" }, scaleText),
      html("span", {}, clock(last)),
    ),
  );
}
