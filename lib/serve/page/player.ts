/// <reference lib="dom" />
import { html } from "./dom.js";
import { type Preview, previewOf } from "./preview.js";
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

/**
 * Why a video cannot be played, also as a preview; undefined where it can. The browser says the same for each reason, so
 * the server is asked.
 */
async function reasonOf(id: string, still: string): Promise<string | undefined> {
  const answer = await fetch(`/videos/${id}`, { method: "HEAD" }).catch(() => undefined);
  if (answer === undefined) return "This video cannot be played: the server does not answer.";
  if (!answer.ok) return "This video cannot be played: its file is not where the index says (see --videos).";
  const picture = await fetch(still).catch(() => undefined);
  return picture?.status === 422 ? "This video cannot be decoded: its file may be damaged." : undefined;
}

const UNKNOWN =
  "This browser does not know the format of this video: the pictures show the moment. As H.264 in MP4, or as VP9 in " +
  "WebM, it plays in every browser. Where the server has an encoder (node-av or ffmpeg), it plays as a preview.";

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
  const element = html("div", { class: "player" }, video, problem);
  /** Plays the video in place of its file. */
  let preview: Preview | undefined;
  /** Whether the browser cannot play the file. */
  let isUnknown = false;
  /** The time that was asked for last. */
  let wanted: number | undefined;

  const replace = async (): Promise<void> => {
    if (isUnknown) return;
    isUnknown = true;
    video.poster = stillAddress(id, start);
    const reason = await reasonOf(id, video.poster);
    const made = reason === undefined ? await previewOf(video, id) : undefined;
    if (made === undefined) {
      problem.textContent = reason ?? UNKNOWN;
      problem.hidden = false;
      return;
    }
    video.removeAttribute("src");
    video.load(); // shows the poster
    element.append(made.element);
    preview = made;
    if (wanted !== undefined) preview.play(wanted);
  };
  video.addEventListener("error", () => void replace());
  // of a file whose pictures it does not know, a browser may play the sound alone
  video.addEventListener("loadedmetadata", () => {
    if (!isUnknown && video.videoWidth === 0) void replace();
  });
  video.addEventListener("click", () => {
    if (preview && !video.hasAttribute("src")) preview.play(start);
  });
  video.addEventListener("play", () => {
    for (const other of document.querySelectorAll("video")) if (other !== video) other.pause();
  });
  nearby.observe(video);
  return {
    element,
    play(seconds) {
      wanted = seconds;
      if (isUnknown) return preview?.play(seconds);
      load(video);
      const begin = () => {
        if (isUnknown) return;
        video.currentTime = seconds;
        // a refused play leaves the picture of the moment and the controls
        video.play().catch(() => {});
      };
      if (video.readyState >= HTMLMediaElement.HAVE_METADATA) begin();
      else video.addEventListener("loadedmetadata", begin, { once: true });
    },
  };
}
