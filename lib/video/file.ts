import { type FileHandle, lstat, open } from "node:fs/promises";
import { type ErrorCode, VideoError } from "../errors.js";
import { TO_READ } from "../open_flags.js";

/** What the first bytes of a file say, before any decoder runs. */
export interface FileFacts {
  path: string;
  size: number;
  /** The demuxer of a still image; undefined for a video. */
  image?: "jpeg_pipe" | "png_pipe" | "webp_pipe" | undefined;
  /** Bytes that the container says the file has, where that is more than it has. */
  declaredSize?: number | undefined;
}

export function videoError(code: ErrorCode, path: string, reason: string, time?: number, cause?: unknown): VideoError {
  const at = time === undefined ? "" : ` (at ${time.toFixed(3)} s)`;
  return new VideoError(code, `${path}: ${reason}${at}`, { file: path, time, cause });
}

/**
 * Opens the file and reads its outer structure, so that each kind of bad file has its own reason whichever decoder is used.
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
  const image = imageDemuxer(head);
  if (image !== undefined) return { path, size, image };
  if (isText(head)) throw videoError("ERR_VIDEO_FORMAT", path, "is a text file, not a video or image");
  if (head.every((byte) => byte === 0)) {
    throw videoError("ERR_VIDEO_FORMAT", path, "starts with zeros only: not a video or image");
  }
  if (isBox(head)) return { path, size, declaredSize: await walkBoxes(path, file, size) };
  return { path, size, declaredSize: declaredSize(head, size) };
}

function imageDemuxer(head: Buffer): FileFacts["image"] {
  if (head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff) return "jpeg_pipe";
  if (head.subarray(0, 8).toString("latin1") === "\x89PNG\r\n\x1a\n") return "png_pipe";
  const isWebp = head.toString("latin1", 0, 4) === "RIFF" && head.toString("latin1", 8, 12) === "WEBP";
  return isWebp ? "webp_pipe" : undefined;
}

/** Text has no control characters but white space. YUV4MPEG files start with a line of text and go on in binary. */
function isText(head: Buffer): boolean {
  if (head.toString("latin1", 0, 9) === "YUV4MPEG2") return false;
  return head.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13) || byte === 27);
}

const boxTypes = new Set(["ftyp", "moov", "mdat", "free", "skip", "wide", "styp", "moof", "pnot", "uuid", "sidx"]);

function isBox(head: Buffer): boolean {
  return head.length >= 8 && boxTypes.has(head.toString("latin1", 4, 8));
}

/** Boxes whose bytes a decoder needs; others may be cut, and what follows the last box is not of the video. */
const neededBoxes = new Set(["mdat", "moof", "moov"]);

/** Walks the top-level boxes of an mp4 or mov; gives the end of a needed box where the file ends before it. */
async function walkBoxes(path: string, file: FileHandle, size: number): Promise<number | undefined> {
  const header = Buffer.alloc(16);
  let hasIndex = false;
  let position = 0;
  let neededEnd = 0;
  while (position + 8 <= size) {
    const { bytesRead } = await file.read(header, 0, 16, position);
    if (bytesRead < 8) break;
    const type = header.toString("latin1", 4, 8);
    let length = header.readUInt32BE(0);
    if (length === 1 && bytesRead === 16) length = Number(header.readBigUInt64BE(8));
    else if (length === 0) length = size - position;
    if (length < 8) break;
    position += length;
    if (neededBoxes.has(type)) neededEnd = position;
    if (type === "moov" && position <= size) hasIndex = true;
  }
  if (hasIndex) return neededEnd > size ? neededEnd : undefined;
  const reason =
    position > size
      ? `the file ends after ${size} of ${position} bytes or more, before its index (moov box): nothing can be decoded`
      : "the file has no index (moov box): it was cut off or never finished";
  throw videoError("ERR_VIDEO_TRUNCATED", path, reason, 0);
}

/** The size that a RIFF file (avi) has where its writer could not go back to fill it in, as in a pipe; others write 0. */
const unknownRiffSize = 0xffffffff;

/** The declared size of RIFF (avi) and Matroska (mkv, webm) files, where it is more than the real one. */
function declaredSize(head: Buffer, size: number): number | undefined {
  let declared = 0;
  if (head.toString("latin1", 0, 4) === "RIFF" && head.length >= 8) {
    const riff = head.readUInt32LE(4);
    if (riff !== unknownRiffSize) declared = riff + 8;
  } else if (head.length >= 4 && head.readUInt32BE(0) === 0x1a45dfa3) declared = matroskaSize(head);
  return declared > size ? declared : undefined;
}

/** End of the segment after the EBML header, or 0 where it is unknown (live recordings). */
function matroskaSize(head: Buffer): number {
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
