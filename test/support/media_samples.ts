// A small video or picture of each kind that node-av can write, for tests that damage or mix them.
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeVideo } from "../../scripts/make_samples.mjs";

type Settings = NonNullable<Parameters<typeof makeVideo>[1]>;

const SIDE = 64;
/** Frames of 8-bit samples that differ in each frame. */
const noise = (bytes: number) => (frame: number) =>
  Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => ((i * 7) ^ (i >> 6)) + frame * 9));
const rgb = { format: "rgb24", planes: noise(3 * SIDE * SIDE) } as unknown as Settings;
const bgr = { format: "bgr24", planes: noise(3 * SIDE * SIDE) } as unknown as Settings;
const palette = { format: "rgb8", planes: noise(SIDE * SIDE) } as unknown as Settings;
const jpeg = { codec: "mjpeg", format: "yuvj420p" } as unknown as Settings;
const one = { frames: 1, options: {} };

/** Settings by file name; the ending chooses the container. */
const KINDS: Record<string, Settings> = {
  "h264.mp4": { options: { preset: "veryfast", bf: "2", g: "4" } }, // its edit list hides the delay of the B-frames
  "h264.m4v": {},
  "h264.mov": {},
  "h264.mkv": {},
  "h264.flv": {},
  "h264.ts": {},
  "h264.m2ts": {},
  "h264.3gp": {},
  "h264.f4v": {},
  "h264.h264": {},
  "h264.nut": {},
  "h264-444.mkv": { format: "yuv444p" },
  "h264-10bit.mp4": { format: "yuv420p10le" },
  "h265.mp4": { codec: "libx265", options: { preset: "ultrafast", "x265-params": "log-level=none:pools=none" } },
  "h265-10bit.mkv": { codec: "libx265", format: "yuv420p10le", options: { preset: "ultrafast", "x265-params": "log-level=none:pools=none" } }, // prettier-ignore
  "variable.mkv": { times: [0, 1, 2, 9, 10, 11, 20, 21, 22, 30, 40, 41] },
  "variable.mp4": { times: [0, 1, 5, 6, 7, 18, 19, 20, 21, 33, 34, 40] },
  "late.mp4": { times: [50, 51, 52, 53, 54, 55, 56, 57, 58, 59] },
  "vp8.webm": { codec: "libvpx", options: { deadline: "realtime" } },
  "vp9.webm": { codec: "libvpx-vp9", options: { deadline: "realtime", "cpu-used": "8" } },
  "vp8.ivf": { codec: "libvpx", options: { deadline: "realtime" } },
  "mpeg1.mpg": { codec: "mpeg1video", options: {} },
  "mpeg2.vob": { codec: "mpeg2video", options: {} },
  "mpeg2.mxf": { codec: "mpeg2video", options: {} },
  "mpeg2.m2v": { codec: "mpeg2video", options: {} },
  "mpeg4.avi": { codec: "mpeg4", options: {} },
  "mpeg4.mp4": { codec: "mpeg4", options: {} },
  "wmv2.wmv": { codec: "wmv2", options: {} },
  "wmv1.asf": { codec: "wmv1", options: {} },
  "theora.ogv": { codec: "libtheora", options: {} },
  "rv20.rm": { codec: "rv20", options: {} },
  "flv1.flv": { codec: "flv", options: {} },
  "ffv1.mkv": { codec: "ffv1", options: {} },
  "huffyuv.avi": { codec: "huffyuv", format: "yuv422p" as never, options: {}, planes: noise(2 * SIDE * SIDE) },
  "raw.y4m": { codec: "wrapped_avframe", options: {} },
  "raw.avi": { codec: "rawvideo", options: {} },
  "jpeg.avi": { ...jpeg, options: {} },
  "jpeg.mjpeg": { ...jpeg, options: {} },
  "animated.gif": { codec: "gif", ...palette, options: {} },
  "animated.apng": { codec: "apng", ...rgb, options: {} },
  "animated.webp": { codec: "libwebp_anim", options: {} },
  "picture.jpg": { ...jpeg, ...one },
  "picture.png": { codec: "png", ...rgb, ...one },
  "picture.webp": { codec: "libwebp", ...one },
  "picture.gif": { codec: "gif", ...palette, ...one },
  "picture.bmp": { codec: "bmp", ...bgr, ...one },
  "picture.tiff": { codec: "tiff", ...rgb, ...one },
};

/** A phone's upright recording, rotated by the display matrix of its track. */
function turned(mp4: Buffer, degrees: 90 | 180 | 270): Buffer {
  const [cos, sin] = { 90: [0, 1], 180: [-1, 0], 270: [0, -1] }[degrees];
  const bytes = Buffer.from(mp4);
  const matrix = bytes.indexOf("tkhd") + 4 + 40; // version 0: 40 bytes precede the matrix
  for (const [i, value] of [cos, sin, 0, -sin, cos, 0].entries()) bytes.writeInt32BE(value * 65536, matrix + 4 * i);
  return bytes;
}

/**
 * Writes one file of each kind. Returns also the kinds that this build of the decoder library cannot write.
 * @param frames of each video
 */
export async function writeMediaSamples(
  folder: string,
  frames = 10,
): Promise<{ files: Map<string, Buffer>; missing: string[] }> {
  mkdirSync(folder, { recursive: true });
  const files = new Map<string, Buffer>();
  const missing: string[] = [];
  for (const [i, [name, settings]] of Object.entries(KINDS).entries()) {
    const path = join(folder, name);
    try {
      await makeVideo(path, { width: SIDE, height: SIDE, frames: settings.times ? undefined : frames, seed: i + 1, ...settings } as Settings); // prettier-ignore
      if (statSync(path).size > 0) files.set(name, readFileSync(path));
      else missing.push(name);
    } catch {
      missing.push(name);
    }
  }
  for (const degrees of [90, 180, 270] as const) {
    const name = `turned-${degrees}.mp4`;
    files.set(name, turned(files.get("h264.mp4")!, degrees));
    writeFileSync(join(folder, name), files.get(name)!);
  }
  return { files, missing };
}
