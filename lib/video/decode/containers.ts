import { type FileFacts, videoError } from "../file.js";

/** FFmpeg's formats whose files name other files, which it would read instead. */
const LISTS = new Set(["hls", "applehttp", "dash", "concat", "imf", "sdp", "lavfi", "avisynth", "vapoursynth"]);

/**
 * Refuses a file that would show what is in other files: videos are untrusted, and a file that lists others may be
 * named like a video. @param format FFmpeg's names of it, with commas @throws VideoError
 */
export function checkContainer(file: FileFacts, format = ""): void {
  const list = format.split(",").find((name) => LISTS.has(name));
  if (list === undefined) return;
  throw videoError("ERR_VIDEO_FORMAT", file.path, `is a list of other files (${list}), not a video`);
}

/** @throws VideoError for a picture that is larger than the limit of its file */
export function checkPixels(file: FileFacts, width: number, height: number): void {
  const { maxPixels = Number.POSITIVE_INFINITY } = file;
  if (width * height <= maxPixels) return;
  const reason = `its picture of ${width} x ${height} pixels is larger than the limit of ${maxPixels}`;
  throw videoError("ERR_VIDEO_FORMAT", file.path, reason);
}

/**
 * Refuses a picture by its header: finding out what a file has decodes its begin, without a limit, and a small file can
 * have a picture of gigabytes.
 * @throws VideoError for a picture that is larger than the limit of its file, or does not say how large it is
 */
export function checkHeader(file: FileFacts): void {
  const { maxPixels, image, pictureSize } = file;
  if (maxPixels === undefined) return;
  if (pictureSize) checkPixels(file, pictureSize.width, pictureSize.height);
  else if (image !== undefined)
    throw videoError("ERR_VIDEO_FORMAT", file.path, "the header of the picture does not have its size");
}
