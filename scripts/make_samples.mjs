// Sample videos with the encoder of node-av: moving gradients and discs in different colours.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

// needed by node-av, and missing in Node 20
Promise.withResolvers ??= () => {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
};

/**
 * Planes of one 8-bit Y'CbCr frame: a drifting gradient with a circling disc. `chroma` divides the size of Cb and Cr.
 */
function picture(width, height, time, seed, chroma) {
  const [cw, ch] = [Math.ceil(width / chroma), Math.ceil(height / chroma)];
  const planes = [Buffer.alloc(width * height), Buffer.alloc(cw * ch), Buffer.alloc(cw * ch)];
  const angle = time * (1 + (seed % 3)) + seed;
  const [cx, cy] = [width * (0.5 + 0.3 * Math.cos(angle)), height * (0.5 + 0.3 * Math.sin(angle))];
  const radius = height / 5;
  const inside = (x, y) => (x - cx) ** 2 + (y - cy) ** 2 < radius ** 2;
  const wave = (x, y) => Math.sin((x * (1 + (seed % 4)) + y * ((seed * 7) % 5)) / 40 + 3 * time);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) planes[0][y * width + x] = inside(x, y) ? 210 : 110 + 70 * wave(x, y);
  }
  for (let y = 0; y < ch; y++) {
    for (let x = 0; x < cw; x++) {
      const hit = inside(x * chroma, y * chroma);
      planes[1][y * cw + x] = hit ? 60 + ((seed * 53) % 140) : 128 + 50 * Math.sin(seed + x / cw);
      planes[2][y * cw + x] = hit ? 200 - ((seed * 31) % 140) : 128 + 50 * Math.cos(2 * seed + y / ch);
    }
  }
  return Buffer.concat(planes);
}

/**
 * Encodes one video.
 * @param {string} path its extension chooses the container
 * @param {{width?: number, height?: number, rate?: number, seconds?: number, frames?: number, seed?: number, codec?: string,
 *   format?: 'yuv420p' | 'yuv444p' | 'yuv420p10le', options?: object, times?: number[],
 *   planes?: (frame: number) => Buffer}} settings
 *   `times`: the timestamp of each frame in ticks of 1 / rate, for variable frame rates; `planes`: 8-bit pictures of the
 *   caller's own
 */
export async function makeVideo(path, settings = {}) {
  const { Encoder, Muxer } = await import("node-av/api");
  const { Frame, Log } = await import("node-av/lib");
  const constants = await import("node-av/constants");
  Log.setLevel(constants.AV_LOG_QUIET);
  const {
    width = 320,
    height = 240,
    rate = 25,
    seconds = 3,
    seed = 0,
    codec = "libx264",
    format = "yuv420p",
  } = settings;
  const {
    frames = settings.times?.length ?? Math.round(seconds * rate),
    times,
    options = { preset: "ultrafast" },
  } = settings;
  const pixelFormat = constants[`AV_PIX_FMT_${format.toUpperCase()}`];
  const encoder = await Encoder.create(codec, {
    options,
    configure: (context) => {
      context.timeBase = { num: 1, den: rate };
      context.framerate = { num: rate, den: 1 };
    },
  });
  const output = await Muxer.open(path);
  try {
    const stream = output.addStream(encoder);
    for (let i = 0; i < frames; i++) {
      const pts = times?.[i] ?? i;
      let pixels = settings.planes?.(i) ?? picture(width, height, pts / rate, seed, format === "yuv444p" ? 1 : 2);
      if (format === "yuv420p10le") pixels = Buffer.from(Uint16Array.from(pixels, (v) => v << 2).buffer);
      const frame = Frame.fromVideoBuffer(pixels, {
        width,
        height,
        format: pixelFormat,
        timeBase: { num: 1, den: rate },
        pts: BigInt(pts),
      });
      frame.timeBase = { num: 1, den: rate };
      frame.pts = BigInt(pts);
      for await (const packet of encoder.packets(frame)) {
        if (packet) await output.writePacket(packet, stream);
      }
      frame.free();
    }
    for await (const packet of encoder.packets(null)) {
      if (packet) await output.writePacket(packet, stream);
    }
  } finally {
    encoder.close();
    await output.close();
  }
}

/** Writes `count` videos of `seconds` each into `dir`; returns their paths. */
export async function makeSamples(dir, { count = 6, seconds = 3 } = {}) {
  mkdirSync(dir, { recursive: true });
  const paths = [];
  for (let i = 0; i < count; i++) {
    const path = join(dir, `sample-${i + 1}.mp4`);
    await makeVideo(path, { seed: i + 1, seconds });
    paths.push(path);
  }
  return paths;
}
