/// <reference lib="dom" />

/** What the page shows. It is in the address, so that an answer can be shared and gone back to. */
export interface PageState {
  q: string;
  /** A sentence that is not wanted. */
  not: string;
  /** Examples: `ID@SECONDS` or `picture:ID`. */
  like: string[];
  /** What else is not wanted: examples, and further sentences. */
  unlike: string[];
  path: string;
  threshold: string;
  minSeconds: string;
  maxSeconds: string;
  /** Conditions on fields of the videos. */
  field: string;
  /** Names of indexes; none for the default of the server. */
  index: string[];
  group: boolean;
  /** From 0. */
  page: number;
}

/** Results on a page. */
export const PAGE = 12;

/** A moment of a video, or a picture that was sent. */
export interface Example {
  kind: "moment" | "picture";
  id: string;
  /** Seconds, of a moment. */
  time: number;
}

/** The example that a value of `like` or `not` names. @returns undefined for a sentence */
export function exampleOf(text: string): Example | undefined {
  const [, id, time] = /^([\w-]{22})@(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (id !== undefined) return { kind: "moment", id, time: Number(time) };
  const [, picture] = /^picture:([\w-]{22})$/.exec(text) ?? [];
  return picture === undefined ? undefined : { kind: "picture", id: picture, time: 0 };
}

/** The example for a window of a video, its start and end in seconds: its middle, to a thousandth of a second. */
export const momentExample = (id: string, start: number, end: number): string =>
  `${id}@${((start + end) / 2).toFixed(3)}`;

/** The texts of the state, with their names in addresses and in the form. */
export const TEXTS = {
  q: "q",
  not: "not",
  path: "path",
  threshold: "threshold",
  minSeconds: "min_seconds",
  maxSeconds: "max_seconds",
  field: "field",
} as const;

export function readState(search: string): PageState {
  const query = new URLSearchParams(search);
  const text = (name: string) => query.get(name)?.trim() ?? "";
  const unwanted = query.getAll("not").map((value) => value.trim());
  const not = unwanted.find((value) => !exampleOf(value)) ?? "";
  const page = Number(query.get("page") ?? 1);
  return {
    q: text("q"),
    not,
    like: query.getAll("like"),
    unlike: unwanted.filter((value, i) => value !== "" && i !== unwanted.indexOf(not)),
    path: text("path"),
    threshold: text("threshold"),
    minSeconds: text("min_seconds"),
    maxSeconds: text("max_seconds"),
    field: text("field"),
    index: query.getAll("index"),
    group: query.get("group") === "video",
    page: Number.isInteger(page) && page >= 1 && page <= 800 ? page - 1 : 0,
  };
}

/** The parameters that the address and the request share. */
function shared(state: PageState): URLSearchParams {
  const query = new URLSearchParams();
  for (const [key, name] of Object.entries(TEXTS) as [keyof typeof TEXTS, string][])
    if (state[key]) query.append(name, state[key]);
  for (const example of state.like) query.append("like", example);
  for (const example of state.unlike) query.append("not", example);
  for (const name of state.index) query.append("index", name);
  if (state.group) query.set("group", "video");
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
  if (!state.q && state.like.length === 0) return undefined;
  const query = shared(state);
  query.set("timeline", "true");
  query.set("limit", String(PAGE));
  query.set("offset", String(state.page * PAGE));
  return `/api/search?${query}`;
}
