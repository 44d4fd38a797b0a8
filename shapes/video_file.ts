// Generated videos as video files, enlarged so that a person can watch them.
import { makeVideo } from "../scripts/make_samples.mjs";
import { RATE, SIDE } from "./render.js";
import { renderFrames, type ShapesVideo } from "./videos.js";

const SCALE = 4;
const WIDTH = SIDE * SCALE;

/** 4:2:0 planes (ITU-R BT.601, limited range) of an RGB frame, every pixel 4 x 4 times. */
function planes(rgb: Uint8Array): Buffer {
  const out = Buffer.alloc((WIDTH * WIDTH * 3) / 2);
  const [cb, cr] = [WIDTH * WIDTH, (WIDTH * WIDTH * 5) / 4];
  const half = WIDTH / 2;
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const [r, g, b] = rgb.subarray((y * SIDE + x) * 3, (y * SIDE + x) * 3 + 3);
      const luma = Math.round(16 + 0.257 * r + 0.504 * g + 0.098 * b);
      const blue = Math.round(128 - 0.148 * r - 0.291 * g + 0.439 * b);
      const red = Math.round(128 + 0.439 * r - 0.368 * g - 0.071 * b);
      for (let i = 0; i < SCALE; i++) {
        const line = (y * SCALE + i) * WIDTH + x * SCALE;
        out.fill(luma, line, line + SCALE);
        if (i % 2 !== 0) continue;
        const chroma = ((y * SCALE + i) / 2) * half + (x * SCALE) / 2;
        out.fill(blue, cb + chroma, cb + chroma + SCALE / 2);
        out.fill(red, cr + chroma, cr + chroma + SCALE / 2);
      }
    }
  }
  return out;
}

/** Writes a video as H.264 of 256 x 256, 8 frames a second. */
export async function writeVideo(path: string, video: ShapesVideo): Promise<void> {
  const frames = video.seconds * RATE;
  const rgb = renderFrames(video, 0, frames);
  const size = SIDE * SIDE * 3;
  await makeVideo(path, {
    width: WIDTH,
    height: WIDTH,
    rate: RATE,
    frames,
    options: { preset: "fast", crf: "16" },
    planes: (frame) => planes(rgb.subarray(frame * size, (frame + 1) * size)),
  });
}
