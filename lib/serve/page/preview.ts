/// <reference lib="dom" />
import type { IndexesAnswer } from "../answers.js";
import { html } from "./dom.js";
import { getJson } from "./http.js";
import { clock } from "./text.js";

/** Previews begin at multiples of so many seconds, so that near moments share one, and so many before a moment. */
const STEP = 10;
const LEAD = 1;
/** What browsers are asked whether they play. */
const TYPES: Record<string, string> = {
  mp4: 'video/mp4; codecs="avc1.4D401E, mp4a.40.2"',
  webm: 'video/webm; codecs="vp9, opus"',
};

/** What previews the server makes. */
type Offer = IndexesAnswer["previews"];
let offer: Promise<Offer | undefined> | undefined;
const offered = (): Promise<Offer | undefined> =>
  (offer ??= getJson<IndexesAnswer>("/api/indexes").then((answer) =>
    "value" in answer ? answer.value.previews : undefined,
  ));

/** The request for a preview, of which the page has one at a time. */
let making: AbortController | undefined;
/** Gives up the preview that is being made. */
export const stopPreview = (): void => making?.abort();

/** Plays stretches of a video that the browser cannot play itself, encoded by the server. */
export interface Preview {
  element: HTMLElement;
  /** Plays at a time of the video. */
  play(seconds: number): Promise<void>;
}

/** @returns undefined where the server makes no preview that this browser plays */
export async function previewOf(video: HTMLVideoElement, id: string): Promise<Preview | undefined> {
  const { formats = [], seconds: length = 0 } = (await offered()) ?? {};
  const format = formats.find((name) => video.canPlayType(TYPES[name] ?? "") !== "");
  if (format === undefined) return undefined;
  const say = html(
    "p",
    { role: "status" },
    "This browser does not know the format of this video: choose a moment for a preview.",
  );
  const now = html("span", {}, "");
  const line = html("p", { class: "time", hidden: true }, "Now at ", now, " of the video");
  /** Where the preview that is there begins. */
  let begin: number | undefined;
  /** The begin of the preview that was asked for before it is needed. */
  let ahead: number | undefined;

  const address = (from: number) => `/api/previews/${id}?t=${from}&format=${format}`;
  /** Asks the server to make a preview; its answer comes when it is complete. */
  const make = async (from: number): Promise<true | string> => {
    stopPreview();
    const own = (making = new AbortController());
    const answer = await fetch(address(from), { headers: { Range: "bytes=0-0" }, signal: own.signal });
    if (answer.ok) return true;
    const value = (await answer.json().catch(() => undefined)) as { error?: { message?: string } } | undefined;
    return value?.error?.message ?? `the server answered ${answer.status}`;
  };
  const start = (seconds: number) => {
    video.currentTime = seconds - begin!;
    // a refused play leaves the picture of the moment and the controls
    video.play().catch(() => {});
  };
  const show = async (from: number, seconds: number): Promise<void> => {
    video.pause();
    say.className = "";
    say.textContent = "A preview is being made\u2026";
    const made = await make(from).catch((error: Error) =>
      error.name === "AbortError" ? undefined : "the server does not answer",
    );
    if (made === undefined || !video.isConnected) return; // another moment was chosen
    if (made !== true) {
      say.className = "problem";
      say.textContent = `There is no preview of this moment: ${made}.`;
      return;
    }
    begin = from;
    ahead = undefined;
    video.addEventListener("loadedmetadata", () => start(seconds), { once: true });
    video.src = address(from);
  };
  /** Shows where the video is, in its own time. */
  const tell = () => {
    if (begin === undefined) return;
    line.hidden = false;
    now.textContent = clock(begin + video.currentTime);
    const next = begin + length;
    const goesOn = video.duration > length - 1;
    if (!goesOn || ahead === next || video.paused || video.currentTime < length / 4) return;
    ahead = next;
    void make(next).catch(() => {});
  };
  for (const event of ["timeupdate", "seeked"]) video.addEventListener(event, tell);
  video.addEventListener("loadedmetadata", () => {
    if (begin === undefined) return;
    const end = clock(begin + video.duration);
    say.textContent = `This browser does not know the format of this video: a preview of ${clock(begin)} to ${end} is played.`;
    tell();
  });
  video.addEventListener("ended", () => {
    if (begin !== undefined && video.duration > length - 1) void show(begin + length, begin + length);
  });
  return {
    element: html("div", { class: "preview" }, say, line),
    async play(seconds) {
      const isThere = begin !== undefined && seconds >= begin && seconds < begin + video.duration - LEAD;
      if (isThere) start(seconds);
      else await show(Math.max(0, Math.floor((seconds - LEAD) / STEP) * STEP), seconds);
    },
  };
}
