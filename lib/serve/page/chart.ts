/// <reference lib="dom" />
import type { TimeLineResult } from "../answers.js";
import { chartShapes, HEIGHT, WIDTH } from "./chart_shapes.js";
import { html, svg } from "./dom.js";
import type { Scale } from "./scale.js";
import { clock } from "./text.js";

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
  const { label, scaleText, first, last, shapes } = chartShapes(parts, moments, scale);
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    ...shapes.map(([name, attributes]) => svg(name, attributes)),
  );
  picture.addEventListener("click", (event) => {
    const { left, width } = picture.getBoundingClientRect();
    onSeek(first + ((event.clientX - left) / width) * (last - first));
  });
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
