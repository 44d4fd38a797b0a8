/// <reference lib="dom" />
import type { GroupResult, MomentResult, SearchAnswer } from "../answers.js";
import { chart } from "./chart.js";
import { html } from "./dom.js";
import { player } from "./player.js";
import { type Scale, scaleOf } from "./scale.js";
import { addressOf, momentExample, type PageState } from "./state.js";
import { strip } from "./strip.js";
import { clock, fileName, scoreText } from "./text.js";

/** One result: a video with the moments that are shown of it. */
type Result = Pick<GroupResult, "index" | "video" | "path" | "moments">;

const resultsOf = ({ moments = [], videos }: SearchAnswer): Result[] =>
  videos ?? moments.map((moment) => ({ ...moment, moments: [moment] }));

/** The results of an answer as items of a list, all on one scale. */
export function resultItems(answer: SearchAnswer, state: PageState): HTMLElement[] {
  const lines = new Map((answer.timelines ?? []).map((line) => [line.video, line]));
  const scale = scaleOf([...lines.values()].flatMap(({ parts }) => parts.map(({ score }) => score)));
  return resultsOf(answer).map((result) =>
    item(result, lines.get(result.video), scale, state, answer.indexes.length > 1),
  );
}

function item(
  { index, video, path, moments }: Result,
  line: NonNullable<SearchAnswer["timelines"]>[number] | undefined,
  scale: Scale,
  state: PageState,
  several: boolean,
): HTMLElement {
  const name = fileName(path);
  const shown = player(video, name, moments[0]?.start ?? 0);
  return html(
    "li",
    {},
    shown.element,
    html(
      "div",
      { class: "facts" },
      html("h2", {}, name),
      html("p", { class: "path" }, several ? `${index}: ${path}` : path),
      html("ul", { class: "moments" }, ...moments.map((moment) => momentItem(moment, shown.play, state))),
      line && chart({ line, moments, scale, onSeek: shown.play }),
    ),
  );
}

function momentItem(moment: MomentResult, play: (seconds: number) => void, state: PageState): HTMLElement {
  const { video, path, start, end, score } = moment;
  const span = `${clock(start)} to ${clock(end)}`;
  const button = html(
    "button",
    { type: "button", class: "play", "aria-label": `Play ${fileName(path)} from ${span}, score ${scoreText(score)}` },
    html("span", { "aria-hidden": true }, "\u25b6 "),
    span,
  );
  button.addEventListener("click", () => play(start));
  const example = momentExample(video, start, end);
  const alone = { q: "", not: "", threshold: "", like: [example], unlike: [] };
  const link = (text: string, change: Partial<PageState>) =>
    html(
      "a",
      {
        href: addressOf({ ...state, page: 0, ...change }),
        class: "like",
        "aria-label": `${text}: ${fileName(path)} from ${span}`,
      },
      text,
    );
  return html(
    "li",
    {},
    button,
    html("span", { class: "score" }, `score ${scoreText(score)}`),
    link("more like this", alone),
    link("also like this", { like: [...state.like, example] }),
    link("less like this", { unlike: [...state.unlike, example] }),
    strip(moment, play),
  );
}
