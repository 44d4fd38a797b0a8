/// <reference lib="dom" />
import { html } from "./dom.js";
import { stillAddress } from "./strip.js";

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

/** Why a video does not play. The browser says the same for each reason, so the server is asked. */
async function reasonOf(id: string): Promise<string> {
  const answer = await fetch(`/videos/${id}`, { method: "HEAD" }).catch(() => undefined);
  if (answer === undefined) return "This video cannot be played: the server does not answer.";
  if (!answer.ok) return "This video cannot be played: its file is not where the index says (see --videos).";
  return (
    "This browser does not know the format of this video: the pictures show the moment. " +
    "As H.264 in MP4, or as VP9 in WebM, it plays in every browser."
  );
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
    void reasonOf(id).then((reason) => {
      problem.textContent = reason;
      problem.hidden = false;
    });
    video.poster = stillAddress(id, start);
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
