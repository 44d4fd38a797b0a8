import type { PictureColors } from "./picture.js";

/** Reads `length` bytes of a file at a position, fewer at its end. */
export type ReadAt = (position: number, length: number) => Promise<Buffer>;

/** Facts about a picture from its file, outside its pixels. */
export interface PictureFacts {
  /** The EXIF tag Orientation, 1 to 8; 1 if there is none. */
  orientation: number;
  /** Whether it is a WebP of several frames. */
  isAnimated: boolean;
  /** Of a PNG with a chunk cICP. FFmpeg reads it from version 6 on, this package with any. */
  colors?: PictureColors | undefined;
}

/** By the numbers of ITU-T H.273. */
const primaries: Record<number, string> = { 1: "bt709", 9: "bt2020", 12: "smpte432" };
const transfers: Record<number, string> = { 16: "smpte2084", 18: "arib-std-b67" };

/** Maximum number of parts of a file that are searched. */
const MAX_PARTS = 1024;
/** Bytes of an EXIF block that are read: its first directory stands at the beginning. */
const exifBytes = 65536;

/** Reads the orientation of a picture, from the EXIF block of JPEG (APP1), PNG (eXIf) or WebP (EXIF). */
export async function readPictureFacts(
  format: "jpeg_pipe" | "png_pipe" | "webp_pipe",
  read: ReadAt,
): Promise<PictureFacts> {
  if (format === "jpeg_pipe") return { orientation: await jpegOrientation(read), isAnimated: false };
  return format === "png_pipe" ? readPng(read) : readWebp(read);
}

/** JPEG (ISO/IEC 10918-1, B.1.1): segments of a marker and a length, up to the first scan. */
async function jpegOrientation(read: ReadAt): Promise<number> {
  let at = 2;
  for (let part = 0; part < MAX_PARTS; part++) {
    const head = await read(at, 10);
    if (head.length < 4 || head[0] !== 0xff) return 1;
    const marker = head[1];
    if (marker === 0xff) at++;
    else if (marker === 0xda || marker === 0xd9) return 1;
    else {
      const length = head.readUInt16BE(2);
      if (length < 2) return 1;
      if (marker === 0xe1 && head.toString("latin1", 4, 10) === "Exif\0\0") {
        return tiffOrientation(await read(at + 10, length - 8));
      }
      at += 2 + length;
    }
  }
  return 1;
}

/** PNG: chunks of a length, a type, the bytes and a checksum. cICP stands before the pixels, eXIf anywhere. */
async function readPng(read: ReadAt): Promise<PictureFacts> {
  const facts: PictureFacts = { orientation: 1, isAnimated: false };
  let at = 8;
  for (let part = 0; part < MAX_PARTS; part++) {
    const head = await read(at, 12);
    const type = head.toString("latin1", 4, 8);
    if (head.length < 12 || type === "IEND") break;
    const length = head.readUInt32BE(0);
    if (type === "cICP" && length === 4) {
      facts.colors = { colorPrimaries: primaries[head[8]], colorTransfer: transfers[head[9]] };
    }
    if (type === "eXIf") {
      facts.orientation = tiffOrientation(await read(at + 8, Math.min(length, exifBytes)));
      break;
    }
    at += 12 + length;
  }
  return facts;
}

/** WebP (RFC 9649): chunks of a type, a length and the bytes, which an odd length pads by one. */
async function readWebp(read: ReadAt): Promise<PictureFacts> {
  const facts: PictureFacts = { orientation: 1, isAnimated: false };
  const first = await read(12, 9);
  if (first.length < 9 || first.toString("latin1", 0, 4) !== "VP8X") return facts;
  facts.isAnimated = (first[8] & 0x02) !== 0;
  if ((first[8] & 0x08) === 0) return facts;
  let at = 12;
  for (let part = 0; part < MAX_PARTS; part++) {
    const head = await read(at, 8);
    if (head.length < 8) break;
    const length = head.readUInt32LE(4);
    if (head.toString("latin1", 0, 4) === "EXIF") {
      const block = await read(at + 8, Math.min(length, exifBytes));
      const isPrefixed = block.toString("latin1", 0, 6) === "Exif\0\0";
      facts.orientation = tiffOrientation(isPrefixed ? block.subarray(6) : block);
      break;
    }
    at += 8 + length + (length & 1);
  }
  return facts;
}

/** The tag 0x0112 of the first directory of a TIFF block; 1 where it is missing or out of range. */
function tiffOrientation(block: Buffer): number {
  const order = block.toString("latin1", 0, 4);
  const isLittle = order === "II*\0";
  if (!isLittle && order !== "MM\0*") return 1;
  const u16 = (at: number) => (at + 2 > block.length ? 0 : isLittle ? block.readUInt16LE(at) : block.readUInt16BE(at));
  if (block.length < 8) return 1;
  const directory = isLittle ? block.readUInt32LE(4) : block.readUInt32BE(4);
  const count = u16(directory);
  for (let i = 0; i < count; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > block.length) return 1;
    if (u16(entry) !== 0x0112) continue;
    const value = u16(entry + 8);
    return u16(entry + 2) === 3 && value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
