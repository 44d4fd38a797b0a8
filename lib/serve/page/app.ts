/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import type { IndexesAnswer, SearchAnswer } from "../answers.js";
import { byId, html } from "./dom.js";
import { resultItems } from "./results.js";
import { addressOf, PAGE, type PageState, readState, requestOf } from "./state.js";

const form = byId<HTMLFormElement>("search");
const status = byId("status");
const results = byId("results");
const [previous, next] = [byId<HTMLButtonElement>("previous"), byId<HTMLButtonElement>("next")];
const field = (name: string) => form.elements.namedItem(name) as HTMLInputElement;

let state = readState(location.search);
let running: AbortController | undefined;

/** The JSON of a request, or a sentence that says why there is none. */
type Answer<T> = { value: T } | { problem: string };

/** Rejects with the reason of the signal only. */
async function getJson<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  try {
    const answer = await fetch(path, { signal: signal ?? null, headers: { Accept: "application/json" } });
    const value = await answer.json();
    return answer.ok ? { value } : { problem: value?.error?.message ?? `the server answered ${answer.status}` };
  } catch {
    signal?.throwIfAborted();
    return { problem: "the server does not answer" };
  }
}

/** Shows a state: its fields, and the answer to it. */
async function show(): Promise<void> {
  for (const name of ["q", "not", "path", "threshold"] as const) field(name).value = state[name];
  field("group").checked = state.group;
  for (const box of form.querySelectorAll<HTMLInputElement>("input[name=index]"))
    box.checked = state.index.includes(box.value);
  byId<HTMLDetailsElement>("filters").open ||= Boolean(
    state.not || state.path || state.threshold || state.index.length,
  );
  document.title = state.q ? `${state.q} - videoclip` : "videoclip";
  running?.abort();
  const own = (running = new AbortController());
  const request = requestOf(state);
  for (const button of [previous, next]) button.hidden = true;
  if (request === undefined) {
    results.replaceChildren();
    results.removeAttribute("aria-busy");
    status.textContent = "";
    return;
  }
  results.setAttribute("aria-busy", "true");
  const answer = await getJson<SearchAnswer>(request, own.signal).catch(() => undefined);
  if (answer === undefined || own.signal.aborted) return; // another search has taken its place
  results.removeAttribute("aria-busy");
  if ("problem" in answer) {
    results.replaceChildren();
    status.replaceChildren(html("p", { class: "problem" }, `The search failed: ${answer.problem}.`));
    return;
  }
  results.replaceChildren(...resultItems(answer.value, state));
  status.replaceChildren(...statusLines(answer.value));
  previous.hidden = state.page === 0;
  next.hidden = !answer.value.more;
}

function statusLines({ moments, videos, unknown, more, truncated }: SearchAnswer): HTMLElement[] {
  const count = (moments ?? videos ?? []).length;
  const what = videos ? "videos" : "moments";
  const first = state.page * PAGE;
  const range =
    count === 0 ? "Nothing was found" : `${what[0].toUpperCase()}${what.slice(1)} ${first + 1} to ${first + count}`;
  const lines = [html("p", {}, state.like ? `${range}, like the one that was chosen.` : `${range}.`)];
  if (unknown.length > 0) {
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
  const [q, not, path, threshold] = ["q", "not", "path", "threshold"].map((name) => field(name).value.trim());
  // without a sentence, the filters apply to the example that is shown
  go({
    q,
    not,
    path,
    threshold,
    like: q ? "" : state.like,
    group: field("group").checked,
    index: boxes.map(({ value }) => value),
  });
});
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

/** Lets the user choose among several indexes. */
async function offerIndexes(): Promise<void> {
  const answer = await getJson<IndexesAnswer>("/api/indexes");
  if ("problem" in answer) return; // the search says the same
  const { indexes } = answer.value;
  const sum = (count: (index: (typeof indexes)[number]) => number) => indexes.reduce((n, index) => n + count(index), 0);
  const [videos, rows] = [sum((index) => index.videos), sum((index) => index.rows)];
  byId("facts").textContent = `${videos} ${videos === 1 ? "video" : "videos"}, ${rows} windows`;
  if (indexes.length < 2) return;
  const boxes = indexes.map(({ name, model }) =>
    html("label", {}, html("input", { type: "checkbox", name: "index", value: name }), ` ${name} (${model})`),
  );
  byId("indexes").append(
    html("fieldset", {}, html("legend", {}, "Indexes (none: those of the first model)"), ...boxes),
  );
}

await offerIndexes();
await show();
