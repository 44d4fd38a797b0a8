import type { Preset } from "./types.js";

/** What a decoder says about a stream's pixels, in ffmpeg's names. */
export interface PixelSource {
  rotation: number;
  /** `bt709`, `smpte170m`, `gbr`, … or `unknown`. */
  colorSpace: string;
  /** `tv`, `pc` or `unknown`. */
  colorRange: string;
  pixelFormat: string;
  /** `progressive`, `unknown`, or a field order such as `tt`. */
  fieldOrder: string;
}

const matrixOf: Record<string, string> = {
  bt709: "bt709",
  fcc: "fcc",
  bt470bg: "bt470",
  smpte170m: "smpte170m",
  smpte240m: "smpte240m",
  bt2020nc: "bt2020",
  bt2020c: "bt2020",
  bt2020ncl: "bt2020",
  bt2020cl: "bt2020",
};

/**
 * The filters that turn a selected frame into the model's input pixels: rotation by the display matrix, then resize and
 * conversion to full-range RGB in one step, then the crop (offset `int((side - crop) / 2)`, or
 * 0 or `side - crop` along the longer side where `cropPosition` says so).
 *
 * Both decoders use this string, and it says everything that FFmpeg versions would otherwise guess apart: the matrix
 * (BT.601 where the stream does not say, as ffmpeg does), the range, and the scaler's flags. swscale widens its kernel when it
 * shrinks, so bilinear is the antialiased one. Sample aspect ratio is not applied, as in the reference pipelines.
 */
export function pixelFilter(preset: Preset, source: PixelSource): string {
  const { resize, crop } = preset;
  const isShort = preset.resizeMode === "short";
  const width = isShort ? `trunc(iw*${resize}/min(iw\\,ih))` : `${resize}`;
  const height = isShort ? `trunc(ih*${resize}/min(iw\\,ih))` : `${resize}`;
  const flags = `${preset.interpolation}+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact`;
  const scale = [`scale=w=${width}`, `h=${height}`, `flags=${flags}`];
  if (isYuv(source.pixelFormat)) {
    scale.push(`in_color_matrix=${matrixOf[source.colorSpace] ?? "bt601"}`);
    scale.push(`in_range=${isFullRange(source) ? "pc" : "tv"}`);
  }
  scale.push("out_range=pc");
  const cut = `crop=${crop}:${crop}:${cropOffset(preset, "w", "gte(iw\\,ih)")}:${cropOffset(preset, "h", "gt(ih\\,iw)")}`;
  return [...rotate[source.rotation as 0], scale.join(":"), "format=rgb24", cut].join(",");
}

/** The filters that make a picture to look at: turned upright, deinterlaced, `width` wide, full-range Y'CbCr as JPEG has it. */
export function stillFilter(width: number, source: PixelSource): string {
  const scale = `scale=w=${width}:h=-2:flags=bicubic:out_color_matrix=bt601:out_range=pc`;
  const interlaced = deinterlaceFilter(source) === undefined ? [] : ["bwdif=deint=interlaced"];
  return [...interlaced, ...rotate[source.rotation as 0], scale, "format=yuvj420p"].join(",");
}

/** Offset along an axis: in the middle, or at an end where `longer` (an ffmpeg condition) holds. */
function cropOffset({ cropPosition = "center" }: Preset, axis: "w" | "h", longer: string): string {
  const center = `trunc((i${axis}-o${axis})/2)`;
  if (cropPosition === "center") return center;
  return `if(${longer}\\,${cropPosition === "low" ? "0" : `i${axis}-o${axis}`}\\,${center})`;
}

/** The deinterlacer that runs on every frame before selection, or nothing for a progressive stream. */
export function deinterlaceFilter(source: PixelSource): string | undefined {
  const isInterlaced = !["progressive", "unknown", ""].includes(source.fieldOrder);
  return isInterlaced ? "bwdif=mode=send_frame:parity=auto:deint=interlaced" : undefined;
}

const rotate = { 0: [], 90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"] };

function isYuv(pixelFormat: string): boolean {
  return /^(yuv|nv\d|p0|p2|p4|y2|uyvy|yvyu|ayuv|vuy|xv)/.test(pixelFormat);
}

function isFullRange(source: PixelSource): boolean {
  return source.colorRange === "pc" || source.pixelFormat.startsWith("yuvj");
}

/** Degrees clockwise (0, 90, 180, 270) from the clockwise angle of a display matrix. */
export function quarterTurns(degrees: number): number {
  if (!Number.isFinite(degrees)) return 0;
  return (((Math.round(degrees / 90) % 4) + 4) % 4) * 90;
}
