/// <reference lib="dom" />
import type { IndexesAnswer } from "../answers.js";
import { html } from "./dom.js";
import { getJson } from "./http.js";
import { clock } from "./text.js";

/** Seconds: previews begin at multiples of STEP, so that near moments share one, and at least LEAD before a moment. */
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
function offered(): Promise<Offer | undefined> {
  offer ??= getJson<IndexesAnswer>("/api/indexes").then((answer) => {
    if ("value" in answer) return answer.value.previews;
    offer = undefined; // the next video asks again
    return undefined;
  });
  return offer;
}

/** The request for a preview, of which the page has one at a time; `done` is the reason why there is none. */
let making: { address: string; stop: AbortController; done: Promise<string | undefined> } | undefined;
/** What the user chose last, anywhere on the page. */
let choice = {};

/** Gives up the preview that is being made. */
export function stopPreview(): void {
  choice = {};
  making?.stop.abort();
  making = undefined;
}

/** Asks the server to make a preview; its answer comes when it is complete. Rejects when it is given up. */
function make(address: string): Promise<string | undefined> {
  if (making?.address === address) return making.done;
  making?.stop.abort();
  const stop = new AbortController();
  const own = (making = { address, stop, done: ask(address, stop.signal) });
  const forget = () => making === own && (making = undefined);
  own.done.then((reason) => reason !== undefined && forget(), forget); // what failed is asked for again
  return own.done;
}

async function ask(address: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const answer = await fetch(address, { headers: { Range: "bytes=0-0" }, signal });
    if (answer.ok) return undefined;
    const { error } = (await answer.json()) as { error?: { message?: string } };
    return error?.message ?? `the server answered ${answer.status}`;
  } catch {
    signal.throwIfAborted();
    return "the server does not answer";
  }
}

/** Plays parts of a video that the browser cannot play itself, encoded by the server. */
export interface Preview {
  element: HTMLElement;
  /** Plays at a time of the video. */
  play(seconds: number): void;
}

/** @returns undefined where the server makes no preview that this browser plays */
export async function previewOf(video: HTMLVideoElement, id: string): Promise<Preview | undefined> {
  const { formats = [], seconds: length = 0 } = (await offered()) ?? {};
  const format = formats.find((name) => video.canPlayType(TYPES[name] ?? "") !== "");
  if (format === undefined) return undefined;
  const say = html("p", {}, "This browser does not know the format of this video: choose a moment for a preview.");
  const now = html("span");
  const line = html("p", { class: "time", hidden: true }, "Now at ", now, " of the video");
  /** Where the preview that is there begins, and where it was to start. */
  let begin: number | undefined;
  let startAt = 0;
  /** The begin of the preview that was asked for before it is needed. */
  let ahead: number | undefined;

  const address = (from: number) => `/api/previews/${id}?t=${from}&format=${format}`;
  const goesOn = () => video.duration > length - 1;
  const announce = (text: string, kind = "") => {
    // only what follows a choice is read out: a page may have many such videos
    say.role = "status";
    say.className = kind;
    say.textContent = text;
  };
  const start = (seconds: number) => {
    const span = `${clock(begin!)} to ${clock(begin! + video.duration)}`;
    announce(`This browser does not know the format of this video: a preview of ${span} is played.`);
    video.currentTime = seconds - begin!;
    // a refused play leaves the picture of the moment and the controls
    video.play().catch(() => {});
  };
  const show = async (from: number, seconds: number): Promise<void> => {
    const own = (choice = {});
    for (const each of document.querySelectorAll("video")) each.pause();
    announce("A preview is being made\u2026");
    const reason = await make(address(from)).catch(() => undefined);
    if (choice !== own) return; // another moment was chosen
    if (reason !== undefined) return announce(`There is no preview of this moment: ${reason}.`, "problem");
    begin = from;
    startAt = seconds;
    video.src = address(from);
  };
  /** Shows where the video is, in its own time, and has the next part made. */
  const tell = () => {
    if (begin === undefined) return;
    line.hidden = false;
    now.textContent = clock(begin + video.currentTime);
    const next = begin + length;
    if (!goesOn() || ahead === next || video.paused || video.currentTime < length / 4) return;
    ahead = next;
    make(address(next)).catch(() => {});
  };
  for (const event of ["timeupdate", "seeked"]) video.addEventListener(event, tell);
  video.addEventListener("loadedmetadata", () => begin !== undefined && start(startAt));
  video.addEventListener("error", () => begin !== undefined && announce("The preview cannot be played.", "problem"));
  video.addEventListener("ended", async () => {
    if (begin === undefined || !goesOn()) return;
    const [own, next] = [choice, begin + length];
    const reason = await make(address(next)).catch(() => "given up");
    // the video may end there
    if (reason === undefined && choice === own) void show(next, next);
  });
  return {
    element: html("div", { class: "preview" }, say, line),
    play(seconds) {
      const isThere = begin !== undefined && seconds >= begin && seconds < begin + video.duration - LEAD;
      if (!isThere) return void show(Math.max(0, Math.floor((seconds - LEAD) / STEP) * STEP), seconds);
      choice = {};
      start(seconds);
    },
  };
}
