import type { ReadAt } from "./exif.js";
import type { PictureSize } from "./picture.js";

/** Maximum number of parts of a file that are searched. */
const MAX_PARTS = 4096;

/**
 * Reads the size of a picture from its header, before any decoder takes memory for its pixels.
 * @returns undefined where the header has none
 */
export async function readPictureSize(
  format: "jpeg_pipe" | "png_pipe" | "webp_pipe",
  read: ReadAt,
): Promise<PictureSize | undefined> {
  const sizes = await (format === "jpeg_pipe" ? jpeg(read) : format === "png_pipe" ? png(read) : webp(read));
  return sizes.reduce<PictureSize | undefined>(
    (best, each) => (best && best.width * best.height >= each.width * each.height ? best : each),
    undefined,
  );
}

/** The chunk IHDR stands first. */
async function png(read: ReadAt): Promise<PictureSize[]> {
  const head = await read(8, 16);
  if (head.length < 16 || head.toString("latin1", 4, 8) !== "IHDR") return [];
  return [{ width: head.readUInt32BE(8), height: head.readUInt32BE(12) }];
}

/** The segments SOF before the first scan. */
async function jpeg(read: ReadAt): Promise<PictureSize[]> {
  const sizes: PictureSize[] = [];
  let at = 2;
  for (let part = 0; part < MAX_PARTS; part++) {
    const head = await read(at, 9);
    if (head.length < 9 || head[0] !== 0xff) break;
    const marker = head[1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xda || marker === 0xd9) break;
    // C4, C8 and CC are tables
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      sizes.push({ width: head.readUInt16BE(7), height: head.readUInt16BE(5) });
    }
    at += 2 + Math.max(2, head.readUInt16BE(2));
  }
  return sizes;
}

/** The canvas of a chunk VP8X, and each frame of the chunks "VP8 " and VP8L. */
async function webp(read: ReadAt): Promise<PictureSize[]> {
  const sizes: PictureSize[] = [];
  let at = 12;
  for (let part = 0; part < MAX_PARTS; part++) {
    const head = await read(at, 18);
    if (head.length < 13) break;
    const type = head.toString("latin1", 0, 4);
    const length = head.readUInt32LE(4);
    if (type === "VP8X" && head.length === 18) {
      sizes.push({ width: 1 + head.readUIntLE(12, 3), height: 1 + head.readUIntLE(15, 3) });
    } else if (type === "VP8 " && head.length === 18) {
      sizes.push({ width: head.readUInt16LE(14) & 0x3fff, height: head.readUInt16LE(16) & 0x3fff });
    } else if (type === "VP8L") {
      const bits = head.readUInt32LE(9);
      sizes.push({ width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) });
    }
    // the chunks of an animation's frame stand inside of it, behind 16 bytes
    at += type === "ANMF" ? 24 : 8 + length + (length & 1);
  }
  return sizes;
}
