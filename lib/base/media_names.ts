/**
 * Extensions of containers and raw streams that FFmpeg decodes, without sound, camera-specific pictures and unfinished
 * downloads.
 */
const VIDEOS = new Set(
  (
    "mp4 m4v mkv webm mov qt avi divx mpg mpeg mpe mpv m1v m2v vob ts mts m2ts m2t tp trp flv f4v wmv asf 3gp 3gpp 3g2 ogv ogm " +
    "rm rmvb mxf dv wtv nut amv ivf y4m mjpg mjpeg h264 264 h265 265 hevc obu"
  ).split(" "),
);

/** Extensions of pictures: videos of one frame, or short animations. */
const PICTURES = new Set("gif jpg jpeg png apng webp bmp tif tiff".split(" "));

/** Folders of programs, by name; folders whose names begin with a dot are of this kind too. */
const MACHINE_FOLDERS = new Set([
  "node_modules",
  "__MACOSX",
  "@eaDir",
  "#recycle",
  "@Recycle",
  "$RECYCLE.BIN",
  "System Volume Information",
  "lost+found",
]);

/** The extension of a name without its dot, in lower case; "" if there is none. */
export function endingOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : "";
}

/** A name without its extension. */
export function stemOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(0, dot) : name;
}

export const isVideoName = (name: string): boolean => VIDEOS.has(endingOf(name));
export const isPictureName = (name: string): boolean => PICTURES.has(endingOf(name));
export const isMediaName = (name: string): boolean => isVideoName(name) || isPictureName(name);

/** Whether a folder of this name belongs to a program and so has no videos of the user. */
export const isMachineFolder = (name: string): boolean => name.startsWith(".") || MACHINE_FOLDERS.has(name);
