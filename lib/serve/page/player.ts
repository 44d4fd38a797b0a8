/// <reference lib="dom" />
import { html } from "./dom.js";

/** The video of a result, which plays at the times that are asked for. */
export interface Player {
  element: HTMLElement;
  play(seconds: number): void;
}

/** Sets the address of a video when it comes near to the screen, so that a long answer loads little. */
const nearby = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      nearby.unobserve(target);
      load(target as HTMLVideoElement);
    }
  },
  { rootMargin: "300px" },
);

function load(video: HTMLVideoElement): void {
  if (!video.hasAttribute("src")) video.src = video.dataset.address!;
}

export function player(id: string, name: string, start: number): Player {
  // the fragment makes the browser show the picture of this time
  const address = `/videos/${id}#t=${start}`;
  const video = html("video", {
    controls: true,
    preload: "metadata",
    playsinline: true,
    "aria-label": `Video ${name}`,
  });
  video.dataset.address = address;
  const problem = html("p", { class: "problem", hidden: true }, "");
  video.addEventListener("error", () => {
    problem.textContent =
      "This video cannot be played: its file is not where the index says (see --videos), or this browser does not know its format.";
    problem.hidden = false;
  });
  video.addEventListener("play", () => {
    for (const other of document.querySelectorAll("video")) if (other !== video) other.pause();
  });
  nearby.observe(video);
  return {
    element: html("div", { class: "player" }, video, problem),
    play(seconds) {
      load(video);
      const start = () => {
        video.currentTime = seconds;
        // a refused play leaves the picture of the moment and the controls
        video.play().catch(() => {});
      };
      if (video.readyState >= HTMLMediaElement.HAVE_METADATA) start();
      else video.addEventListener("loadedmetadata", start, { once: true });
    },
  };
}
