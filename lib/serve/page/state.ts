/// <reference lib="dom" />

/** What the page shows. It is in the address, so that an answer can be shared and gone back to. */
export interface PageState {
  q: string;
  not: string;
  like: string;
  path: string;
  threshold: string;
  /** Names of indexes; none for the default of the server. */
  index: string[];
  group: boolean;
  /** From 0. */
  page: number;
}

/** Results on a page. */
export const PAGE = 12;

export function readState(search: string): PageState {
  const query = new URLSearchParams(search);
  const text = (name: string) => query.get(name)?.trim() ?? "";
  const page = Number(query.get("page") ?? 1);
  return {
    q: text("q"),
    not: text("not"),
    like: text("like"),
    path: text("path"),
    threshold: text("threshold"),
    index: query.getAll("index"),
    group: query.get("group") === "video",
    page: Number.isInteger(page) && page >= 1 && page <= 800 ? page - 1 : 0,
  };
}

/** The parameters that the address and the request share. */
function shared({ q, not, like, path, threshold, index, group }: PageState): URLSearchParams {
  const query = new URLSearchParams();
  // an example takes the place of the sentence
  if (like) query.set("like", like);
  else if (q) query.set("q", q);
  if (not && !like) query.set("not", not);
  if (path) query.set("path", path);
  if (threshold) query.set("threshold", threshold);
  for (const name of index) query.append("index", name);
  if (group) query.set("group", "video");
  return query;
}

/** The address of a state, without the server. */
export function addressOf(state: PageState): string {
  const query = shared(state);
  if (state.page > 0) query.set("page", String(state.page + 1));
  const text = query.toString();
  return text === "" ? "/" : `/?${text}`;
}

/** The request for the answer of a state. @returns undefined when nothing is asked for */
export function requestOf(state: PageState): string | undefined {
  if (!state.q && !state.like) return undefined;
  const query = shared(state);
  query.set("timeline", "true");
  query.set("limit", String(PAGE));
  query.set("offset", String(state.page * PAGE));
  return `/api/search?${query}`;
}
