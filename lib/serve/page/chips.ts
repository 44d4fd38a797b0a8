/// <reference lib="dom" />
import type { SearchAnswer } from "../answers.js";
import { html } from "./dom.js";
import { addressOf, exampleOf, type PageState } from "./state.js";
import { stillAddress } from "./strip.js";
import { clock, fileName } from "./text.js";

/** The examples of a search, each with a link that takes it out. */
export function chips(state: PageState, examples: SearchAnswer["examples"]): HTMLElement[] {
  const chip = (text: string, isNegative: boolean, without: Partial<PageState>) => {
    const { picture, label } = shown(text, examples);
    const what = `${isNegative ? "less like" : "like"} ${label}`;
    return html(
      "li",
      {},
      picture === undefined
        ? undefined
        : html("img", { src: picture, alt: "", width: 64, height: 36, loading: "lazy" }),
      html("span", {}, what),
      html("a", { href: addressOf({ ...state, page: 0, ...without }), "aria-label": `Take out: ${what}` }, "take out"),
    );
  };
  const rest = (list: readonly string[], i: number) => list.filter((_, other) => other !== i);
  return [
    ...state.like.map((text, i) => chip(text, false, { like: rest(state.like, i) })),
    ...state.unlike.map((text, i) => chip(text, true, { unlike: rest(state.unlike, i) })),
  ];
}

function shown(text: string, examples: SearchAnswer["examples"]): { picture?: string; label: string } {
  const example = exampleOf(text);
  if (!example) return { label: `\u201c${text}\u201d` };
  if (example.kind === "picture") return { picture: `/api/pictures/${example.id}`, label: "your picture" };
  const { id, time } = example;
  const found = examples.find(({ video, start, end }) => video === id && start <= time && time <= end);
  const label = found ? `${fileName(found.path)} at ${clock(time)}` : `a moment at ${clock(time)}`;
  return { picture: stillAddress(id, time), label };
}
