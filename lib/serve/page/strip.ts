/// <reference lib="dom" />
import type { MomentResult } from "../answers.js";
import { html } from "./dom.js";
import { clock, fileName } from "./text.js";

/** Stills of a moment. */
const STILLS = 3;

/** The address of a still. */
export const stillAddress = (video: string, seconds: number): string => `/api/stills/${video}?t=${seconds.toFixed(1)}`;

/** A few stills of a moment, which show what happens in it also where the browser cannot play the video. */
export function strip({ video, path, start, end }: MomentResult, play: (seconds: number) => void): HTMLElement {
  const pictures = Array.from({ length: STILLS }, (_, i) => {
    const time = start + ((i + 0.5) / STILLS) * (end - start);
    const picture = html("img", {
      src: stillAddress(video, time),
      alt: `${fileName(path)} at ${clock(time)}`,
      loading: "lazy",
      decoding: "async",
      width: 128,
      height: 72,
    });
    picture.addEventListener("click", () => play(time));
    return picture;
  });
  const element = html("div", { class: "strip" }, ...pictures);
  let failed = 0;
  for (const picture of pictures) {
    picture.addEventListener("error", () => {
      picture.remove();
      if (++failed === STILLS) element.append(html("p", { class: "none" }, "No pictures of this moment"));
    });
  }
  return element;
}
