/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type { IndexesAnswer, SearchAnswer } from "../answers.js";
import { byId, html } from "./dom.js";
import { chips } from "./chips.js";
import { getJson } from "./http.js";
import { stopPreview } from "./preview.js";
import { onPicture, sendPicture } from "./pictures.js";
import { resultItems } from "./results.js";
import { addressOf, PAGE, type PageState, readState, requestOf, TEXTS } from "./state.js";
import { clockTime } from "./text.js";

const form = byId<HTMLFormElement>("search");
const status = byId("status");
const results = byId("results");
const examples = byId("examples");
const [previous, next] = [byId<HTMLButtonElement>("previous"), byId<HTMLButtonElement>("next")];
const field = (name: string) => form.elements.namedItem(name) as HTMLInputElement;

let state = readState(location.search);
let running: AbortController | undefined;
/** What the server said of the picture that was sent last. */
let note: string | undefined;

const texts = Object.entries(TEXTS) as [keyof typeof TEXTS, string][];

/** Shows a state: its fields, and the answer to it. */
async function show(): Promise<void> {
  for (const [key, name] of texts) field(name).value = state[key];
  field("group").checked = state.group;
  for (const box of form.querySelectorAll<HTMLInputElement>("input[name=index]"))
    box.checked = state.index.includes(box.value);
  byId<HTMLDetailsElement>("filters").open ||= Boolean(
    texts.some(([key]) => key !== "q" && state[key]) || state.index.length,
  );
  document.title = state.q ? `${state.q} - videoclip` : "videoclip";
  running?.abort();
  stopPreview();
  const own = (running = new AbortController());
  const request = requestOf(state);
  for (const button of [previous, next]) button.hidden = true;
  examples.replaceChildren(...chips(state, []));
  if (request === undefined) {
    results.replaceChildren();
    results.removeAttribute("aria-busy");
    status.textContent = "";
    return;
  }
  results.setAttribute("aria-busy", "true");
  const answer = await getJson<SearchAnswer>(request, { signal: own.signal }).catch(() => undefined);
  if (answer === undefined || own.signal.aborted) return; // another search has taken its place
  results.removeAttribute("aria-busy");
  if ("problem" in answer) {
    results.replaceChildren();
    status.replaceChildren(html("p", { class: "problem" }, `The search failed: ${answer.problem}.`));
    return;
  }
  examples.replaceChildren(...chips(state, answer.value.examples));
  results.replaceChildren(...resultItems(answer.value, state));
  status.replaceChildren(...statusLines(answer.value));
  previous.hidden = state.page === 0;
  next.hidden = !answer.value.more;
}

function statusLines({ fit, moments, videos, unknown, more, truncated }: SearchAnswer): HTMLElement[] {
  const count = (moments ?? videos ?? []).length;
  const what = videos ? "videos" : "moments";
  const first = state.page * PAGE;
  const range =
    count === 0 ? "Nothing was found" : `${what[0].toUpperCase()}${what.slice(1)} ${first + 1} to ${first + count}`;
  const lines = [
    html("p", {}, state.like.length > 0 && !state.q ? `${range}, like the one that was chosen.` : `${range}.`),
  ];
  if (fit?.message && count > 0) {
    // the fit is that of the sentence, also where the results have scores of more than it
    const isAlone = state.like.length + state.unlike.length === 0 && !state.not;
    const text = isAlone
      ? `${fit.message}. These are only the nearest ${what}.`
      : `For the sentence alone: ${fit.message}.`;
    lines.push(html("p", { class: "nothing" }, text));
  }
  if (note !== undefined && state.like.some((text) => text.startsWith("picture:")))
    lines.push(html("p", { class: "problem" }, `The picture may be compared badly: ${note}.`));
  if (unknown.length > 0 && fit?.reason !== "unknown-words") {
    const words = unknown.map((word) => `\u201c${word}\u201d`).join(", ");
    lines.push(html("p", { class: "problem" }, `The model does not know ${words}: the answer does not depend on it.`));
  }
  if (truncated && !more) lines.push(html("p", {}, "The search ended at its limit: a narrower one finds more."));
  return lines;
}

function go(change: Partial<PageState>): void {
  state = { ...state, page: 0, ...change };
  history.pushState(null, "", addressOf(state));
  void show();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const boxes = [...form.querySelectorAll<HTMLInputElement>("input[name=index]:checked")];
  const typed = Object.fromEntries(texts.map(([key, name]) => [key, field(name).value.trim()]));
  go({ ...typed, group: field("group").checked, index: boxes.map(({ value }) => value) });
});
onPicture(byId<HTMLInputElement>("picture"), (file) => void searchPicture(file));

/** Searches with a picture and with the sentence that is there. */
async function searchPicture(file: File): Promise<void> {
  status.replaceChildren(html("p", {}, `${file.name} is being encoded…`));
  const answer = await sendPicture(file, state.index[0]);
  if ("problem" in answer) {
    status.replaceChildren(html("p", { class: "problem" }, `${file.name}: ${answer.problem}.`));
    return;
  }
  ({ note } = answer.value);
  const kept = state.like.filter((text) => !text.startsWith("picture:"));
  go({ q: field("q").value.trim(), like: [...kept, `picture:${answer.value.picture}`] });
}

for (const [button, step] of [
  [previous, -1],
  [next, 1],
] as const) {
  button.addEventListener("click", () => {
    go({ page: state.page + step });
    status.focus();
    scrollTo({ top: 0 });
  });
}
addEventListener("popstate", () => {
  state = readState(location.search);
  void show();
});
addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, video");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  field("q").focus();
});

/** Shows how much is searched, and when the indexes were read. */
function showFacts({ indexes }: IndexesAnswer): void {
  const sum = (count: (index: (typeof indexes)[number]) => number) => indexes.reduce((n, index) => n + count(index), 0);
  const [videos, rows] = [sum((index) => index.videos), sum((index) => index.rows)];
  const read = indexes
    .map((index) => index.readAt)
    .sort()
    .at(-1);
  const parts = [`${videos} ${videos === 1 ? "video" : "videos"}`, `${rows} windows`];
  if (read) parts.push(`read at ${clockTime(read)}`);
  if (indexes.some((index) => index.writing)) parts.push("indexing goes on");
  const problems = indexes.filter((index) => index.problem).map((index) => `${index.name}: ${index.problem}`);
  byId("facts").textContent = [parts.join(", "), ...problems].join(". ");
}

/** Lets the user choose among several indexes, and filter by the fields that there are. */
function offerFilters({ indexes, fields }: IndexesAnswer): void {
  byId("fields").hidden = fields.length === 0;
  field("field").placeholder = fields.length > 0 ? "finished>=2026-01-31 partial:false" : "";
  field("field").title = `Conditions with spaces between them; fields: ${fields.join(", ")}`;
  if (indexes.length < 2) return;
  const boxes = indexes.map(({ name, model }) =>
    html("label", {}, html("input", { type: "checkbox", name: "index", value: name }), ` ${name} (${model})`),
  );
  byId("indexes").append(
    html("fieldset", {}, html("legend", {}, "Indexes (none: those of the first model)"), ...boxes),
  );
}

/** Milliseconds between two looks at the indexes. */
const LOOK_EVERY = 10_000;
setInterval(() => {
  if (document.visibilityState !== "visible") return;
  void getJson<IndexesAnswer>("/api/indexes").then((answer) => "value" in answer && showFacts(answer.value));
}, LOOK_EVERY);

const first = await getJson<IndexesAnswer>("/api/indexes");
if ("value" in first) {
  showFacts(first.value);
  offerFilters(first.value);
} // otherwise the search says the same
await show();
