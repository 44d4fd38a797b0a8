import { type FileHandle, lstat, open } from "node:fs/promises";
import { type ErrorCode, VideoError } from "../base/errors.js";
import { readPictureFacts } from "./pixels/exif.js";
import type { PictureColors, PictureSize } from "./pixels/picture.js";
import { readPictureSize } from "./pixels/picture_size.js";
import { TO_READ } from "../base/open_flags.js";
import { isRiff, riffEnd } from "./pixels/riff.js";

/** Facts from the first bytes of a file, before any decoder runs. */
export interface FileFacts {
  path: string;
  size: number;
  /** The demuxer of a still image; undefined for a video. */
  image?: "jpeg_pipe" | "png_pipe" | "webp_pipe" | undefined;
  /** The EXIF orientation of a still image, 1 to 8. */
  orientation?: number | undefined;
  /** Pixels of a picture as its header says. */
  pictureSize?: PictureSize | undefined;
  /** What a PNG says of its colours in its chunk cICP, in FFmpeg's names. */
  colors?: PictureColors | undefined;
  /** What it is, where some versions of FFmpeg cannot decode it. */
  picture?: "an animated WebP" | "an AVIF picture" | "a HEIC picture" | undefined;
  /** Size that the container declares, if the file is smaller. */
  declaredSize?: number | undefined;
  /** Whether it was written to a pipe, so that its header has neither its size nor its number of frames. */
  isStreamed?: boolean | undefined;
  /** Pictures of more pixels are not decoded. Default: FFmpeg's limit, some 200 million. */
  maxPixels?: number | undefined;
}

export function videoError(code: ErrorCode, path: string, reason: string, time?: number, cause?: unknown): VideoError {
  const at = time === undefined ? "" : ` (at ${time.toFixed(3)} s)`;
  return new VideoError(code, `${path}: ${reason}${at}`, { file: path, time, cause });
}

/**
 * Opens the file and reads its outer structure, so that each kind of bad file has the same error with every decoder.
 *
 * @throws VideoError ERR_VIDEO_NOT_FOUND, ERR_VIDEO_UNREADABLE, ERR_VIDEO_EMPTY, ERR_VIDEO_FORMAT, ERR_VIDEO_TRUNCATED
 */
export async function checkFile(path: string): Promise<FileFacts> {
  let file: FileHandle;
  try {
    file = await open(path, TO_READ);
  } catch (cause) {
    throw await openError(path, cause as NodeJS.ErrnoException);
  }
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw videoError("ERR_VIDEO_UNREADABLE", path, "is a directory, not a file");
    if (!stat.isFile()) throw videoError("ERR_VIDEO_UNREADABLE", path, "is not a regular file");
    if (stat.size === 0) throw videoError("ERR_VIDEO_EMPTY", path, "the file has zero bytes");
    const head = Buffer.alloc(4096);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return await inspect(path, file, stat.size, head.subarray(0, bytesRead));
  } catch (cause) {
    if (cause instanceof VideoError) throw cause;
    const reason = `cannot be read: ${(cause as Error).message}`;
    throw videoError("ERR_VIDEO_UNREADABLE", path, reason, undefined, cause);
  } finally {
    await file.close();
  }
}

async function openError(path: string, cause: NodeJS.ErrnoException): Promise<VideoError> {
  if (cause.code === "ENOENT" || cause.code === "ENOTDIR") {
    const link = await lstat(path).catch(() => undefined);
    const reason = link?.isSymbolicLink() ? "is a symbolic link to a file that does not exist" : "no such file";
    return videoError("ERR_VIDEO_NOT_FOUND", path, reason, undefined, cause);
  }
  const denied = cause.code === "EACCES" || cause.code === "EPERM";
  const reason = denied ? "permission denied" : `cannot be opened: ${cause.message}`;
  return videoError("ERR_VIDEO_UNREADABLE", path, reason, undefined, cause);
}

async function inspect(path: string, file: FileHandle, size: number, head: Buffer): Promise<FileFacts> {
  // pictures behind each other are a video where the file says so: a photo may have others behind it that are not shown
  const image = /\.mjpe?g$/i.test(path) ? undefined : imageDemuxer(head);
  const read = (position: number, length: number) => readAt(file, head, position, length);
  const declared = isRiff(head) ? await riffEnd(size, read) : matroskaSize(head);
  const declaredSize = declared > size ? declared : undefined;
  if (image !== undefined) {
    const { orientation, isAnimated, colors } = await readPictureFacts(image, read);
    const pictureSize = await readPictureSize(image, read);
    if (isAnimated) return { path, size, picture: "an animated WebP", pictureSize, declaredSize };
    return { path, size, image, pictureSize, orientation, colors };
  }
  if (isText(head)) throw videoError("ERR_VIDEO_FORMAT", path, "is a text file, not a video or image");
  if (head.every((byte) => byte === 0)) {
    throw videoError("ERR_VIDEO_FORMAT", path, "starts with zeros only: not a video or image");
  }
  const picture = stillBrand(head);
  if (isBox(head)) {
    return { path, size, picture, declaredSize: await walkBoxes(path, file, size, picture ? "meta" : "moov") };
  }
  return { path, size, declaredSize, isStreamed: isRiff(head) && declared === 0 };
}

/** Bytes of a file at a position, from its head without a read if possible; fewer at the end of the file. */
async function readAt(file: FileHandle, head: Buffer, position: number, length: number): Promise<Buffer> {
  if (position + length <= head.length) return head.subarray(position, position + length);
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}

function imageDemuxer(head: Buffer): FileFacts["image"] {
  if (head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff) return "jpeg_pipe";
  if (head.subarray(0, 8).toString("latin1") === "\x89PNG\r\n\x1a\n")
    return isAnimatedPng(head) ? undefined : "png_pipe";
  const isWebp = head.toString("latin1", 0, 4) === "RIFF" && head.toString("latin1", 8, 12) === "WEBP";
  return isWebp ? "webp_pipe" : undefined;
}

/** Whether a PNG has the chunk of an animation (acTL), which precedes its pixels: players show it as a video. */
function isAnimatedPng(head: Buffer): boolean {
  for (let at = 8; at + 8 <= head.length; at += head.readUInt32BE(at) + 12) {
    const type = head.toString("latin1", at + 4, at + 8);
    if (type === "acTL" || type === "IDAT") return type === "acTL";
  }
  return false;
}

/**
 * Whether the file is text, which has no control characters except white space. YUV4MPEG files start with a line of
 * text, followed by binary data.
 */
function isText(head: Buffer): boolean {
  if (head.toString("latin1", 0, 9) === "YUV4MPEG2") return false;
  return head.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13) || byte === 27);
}

const boxTypes = new Set(["ftyp", "moov", "mdat", "free", "skip", "wide", "styp", "moof", "pnot", "uuid", "sidx"]);

function isBox(head: Buffer): boolean {
  return head.length >= 8 && boxTypes.has(head.toString("latin1", 4, 8));
}

/**
 * The kind of picture in a file of ISO boxes, by its major brand (ISO/IEC 23008-12), if it has a single picture, whose
 * index is the box `meta`.
 */
function stillBrand(head: Buffer): FileFacts["picture"] {
  if (head.toString("latin1", 4, 8) !== "ftyp") return undefined;
  const major = head.toString("latin1", 8, 12);
  if (major === "avif") return "an AVIF picture";
  if (["heic", "heix", "heim", "heis"].includes(major)) return "a HEIC picture";
  if (major !== "mif1") return undefined;
  const brands = head.toString("latin1", 16, Math.min(head.readUInt32BE(0), head.length));
  return brands.includes("avif") ? "an AVIF picture" : "a HEIC picture";
}

/** The error for a complete file that this FFmpeg cannot decode; `otherwise` for other files. */
export function notDecoded(file: FileFacts, otherwise: VideoError): VideoError {
  if (file.picture === undefined) return otherwise;
  if (file.declaredSize !== undefined) {
    const reason = `the file is truncated: it has ${file.size} of ${file.declaredSize} bytes`;
    return videoError("ERR_VIDEO_TRUNCATED", file.path, reason, 0, otherwise);
  }
  const better = file.picture === "an animated WebP" ? "GIF or MP4" : "JPEG or PNG";
  const reason = `is ${file.picture}, which this version of FFmpeg does not decode: convert it to ${better}`;
  return videoError("ERR_VIDEO_FORMAT", file.path, reason, undefined, otherwise);
}

/** Boxes that are needed: the index, pictures and sound. */
const needed = new Set(["mdat", "moov", "moof"]);

/**
 * Walks the top-level boxes of an mp4 or mov; returns the declared size of a needed box that is longer than the file.
 * Cameras and tools write other data after the last box: invalid boxes end the walk.
 */
async function walkBoxes(path: string, file: FileHandle, size: number, indexBox: string): Promise<number | undefined> {
  const header = Buffer.alloc(16);
  let hasIndex = false;
  let position = 0;
  while (position + 8 <= size) {
    const { bytesRead } = await file.read(header, 0, 16, position);
    if (bytesRead < 8) break;
    const type = header.toString("latin1", 4, 8);
    let length = header.readUInt32BE(0);
    if (length === 1 && bytesRead === 16) length = Number(header.readBigUInt64BE(8));
    else if (length === 0) length = size - position;
    if (length < 8) break;
    const end = position + length;
    if (end > size && !needed.has(type) && type !== indexBox) break;
    position = end;
    if (type === indexBox && position <= size) hasIndex = true;
  }
  if (hasIndex) return position > size ? position : undefined;
  const reason =
    position > size
      ? `the file ends after ${size} of ${position} bytes or more, before its index (${indexBox} box): nothing can be decoded`
      : `the file has no index (${indexBox} box): it was cut off or never finished`;
  throw videoError("ERR_VIDEO_TRUNCATED", path, reason, 0);
}

/** End of the segment of a Matroska file (mkv, webm), or 0 where it is unknown (live recordings) and for other files. */
function matroskaSize(head: Buffer): number {
  if (head.length < 4 || head.readUInt32BE(0) !== 0x1a45dfa3) return 0;
  const ebml = variableInteger(head, 4);
  if (ebml === undefined) return 0;
  const segment = ebml.end + ebml.value;
  if (segment + 12 > head.length || head.readUInt32BE(segment) !== 0x18538067) return 0;
  const length = variableInteger(head, segment + 4);
  return length === undefined ? 0 : length.end + length.value;
}

/** An EBML variable-length integer; undefined for "unknown" (all ones). */
function variableInteger(head: Buffer, at: number): { value: number; end: number } | undefined {
  const bytes = Math.clz32(head[at] << 24) + 1;
  if (bytes > 8 || at + bytes > head.length) return undefined;
  let value = head[at] & (0xff >> bytes);
  let ones = value === 0xff >> bytes;
  for (let i = 1; i < bytes; i++) {
    value = value * 256 + head[at + i];
    ones = ones && head[at + i] === 0xff;
  }
  return ones ? undefined : { value, end: at + bytes };
}
