import type { Preset } from "../types.js";

/** Properties of a stream's pixels, in ffmpeg's names. */
export interface PixelSource {
  /** Clockwise rotation of frames in degrees, applied after mirroring. */
  rotation: number;
  mirrored?: boolean | undefined;
  /** `bt709`, `smpte170m`, `gbr`, … or `unknown`. */
  colorSpace: string;
  /** `tv`, `pc` or `unknown`. */
  colorRange: string;
  pixelFormat: string;
  /** `smpte2084` and `arib-std-b67` are HDR. */
  colorTransfer?: string | undefined;
  colorPrimaries?: string | undefined;
  /**
   * Position of chroma samples among pixels: `left`, `center`, `topleft`, `top`, `bottomleft`, `bottom` or
   * `unspecified`.
   */
  chromaLocation: string;
  /** `progressive`, `unknown`, or a field order such as `tt`. */
  fieldOrder: string;
}

/** The matrices of Y'CbCr in the names of ffmpeg's filter `scale`. */
export type Matrix = "bt709" | "fcc" | "bt601" | "smpte240m" | "bt2020";

const matrices: Record<string, Matrix> = {
  bt709: "bt709",
  fcc: "fcc",
  smpte240m: "smpte240m",
  bt2020nc: "bt2020",
  bt2020c: "bt2020",
  bt2020ncl: "bt2020",
  bt2020cl: "bt2020",
};

/** The matrix and range by which a preset reads a stream's Y'CbCr: BT.601 if the stream has none, as in ffmpeg. */
export function colorsOf({ conversion }: Preset, source: PixelSource): { matrix: Matrix; isFullRange: boolean } {
  const isJpeg = source.pixelFormat.startsWith("yuvj");
  if (conversion === "plain-bt601") return { matrix: "bt601", isFullRange: isJpeg };
  return { matrix: matrices[source.colorSpace] ?? "bt601", isFullRange: isJpeg || source.colorRange === "pc" };
}

/**
 * The filters that turn a selected frame into the model's input pixels with FFmpeg's scaler: rotation and mirroring by
 * the display matrix, then resize and conversion to full-range RGB in one step, then the crop; or the crop first, if
 * the preset says so.
 *
 * If a single axis is scaled (`scalesOneSide`), chroma is brought to full size first, because FFmpeg's versions
 * otherwise differ.
 *
 * Both decoders use this string. It gives everything that FFmpeg versions would otherwise choose differently: the
 * matrix, the range, and the scaler's flags. swscale widens its kernel when it shrinks, so bilinear is antialiased.
 * Sample aspect ratio is not applied, as in the reference pipelines.
 */
export function pixelFilter(preset: Preset, source: PixelSource, scalesOneSide = false): string {
  const { resize, crop, order } = preset;
  const isWhole = preset.resizeMode === "short" && order !== "crop-resize";
  const width = isWhole ? scaledSide(preset, "iw") : `${resize}`;
  const height = isWhole ? scaledSide(preset, "ih") : `${resize}`;
  const exactly = "+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact";
  const isAccurate = (preset.conversion ?? "accurate") === "accurate";
  const scale = [`scale=w=${width}`, `h=${height}`, `flags=${preset.interpolation}${isAccurate ? exactly : ""}`];
  const fullChroma: string[] = [];
  if (isYuv(source.pixelFormat)) {
    const { matrix, isFullRange } = colorsOf(preset, source);
    const range = isFullRange ? "pc" : "tv";
    scale.push(`in_color_matrix=${matrix}`, `in_range=${range}`);
    if (scalesOneSide) {
      fullChroma.push(`scale=flags=bilinear${exactly}:in_range=${range}:out_range=${range}`, "format=yuv444p");
    }
  }
  scale.push("out_range=pc");
  const cut = `crop=${crop}:${crop}:${cropOffset(preset, "w", "gte(iw\\,ih)")}:${cropOffset(preset, "h", "gt(ih\\,iw)")}`;
  return [...uprightFilter(source), ...squareFilter(preset), ...fullChroma, scale.join(":"), "format=rgb24", cut].join(
    ",",
  );
}

/**
 * The filters that bring frames to `pixelFormat`, upright, at their own size (or cropped as a preset says), for the scaler of the
 * package; undefined where frames are so already. The conversions that it makes only move samples about.
 */
export function planesFilter(
  source: PixelSource,
  pixelFormat: string,
  preset?: Pick<Preset, "order" | "cropPosition">,
): string | undefined {
  const format = pixelFormat === source.pixelFormat ? [] : ["scale=flags=bicubic+accurate_rnd+bitexact"];
  const filters = [...uprightFilter(source), ...squareFilter(preset ?? {}), ...format];
  return filters.length === 0 ? undefined : [...filters, `format=${pixelFormat}`].join(",");
}

/** Cuts the square of the shorter side out, at offsets that the chroma planes can take. */
function squareFilter({ order, cropPosition = "center" }: Pick<Preset, "order" | "cropPosition">): string[] {
  if (order !== "crop-resize") return [];
  const at = { low: "0", center: "0.5", high: "1" }[cropPosition];
  return [`crop=min(iw\\,ih):min(iw\\,ih):(iw-min(iw\\,ih))*${at}:(ih-min(iw\\,ih))*${at}`];
}

/** The side `iw` or `ih` after the resize of the whole frame, as an ffmpeg expression. */
function scaledSide({ resize, sideRounding = "trunc" }: Preset, side: string): string {
  const short = "min(iw\\,ih)";
  if (sideRounding === "round") return `floor(${side}*${resize}/${short}+0.5)`;
  return sideRounding === "ratio"
    ? `max(${resize}\\,floor(${side}/${short}*${resize}))`
    : `trunc(${side}*${resize}/${short})`;
}

/** The filters that make a preview: rotated upright, deinterlaced, `width` wide, full-range Y'CbCr as in JPEG. */
export function stillFilter(width: number, source: PixelSource): string {
  const scale = `scale=w=${width}:h=-2:flags=bicubic:${jpegColors}`;
  return [...stillDeinterlacer(source), ...uprightFilter(source), scale, jpegFormat].join(",");
}

const jpegColors = "out_color_matrix=bt601:out_range=pc";
const jpegFormat = "format=yuvj420p";

/** The filters that turn RGB into Y'CbCr as JPEG has it. */
export const rgbToJpeg = `scale=flags=bicubic:${jpegColors},${jpegFormat}`;

/** The filters that bring the frame of a still to `pixelFormat`, upright and deinterlaced, at its own size. */
export function stillPlanesFilter(source: PixelSource, pixelFormat: string): string {
  return [...stillDeinterlacer(source), planesFilter(source, pixelFormat) ?? `format=${pixelFormat}`].join(",");
}

function stillDeinterlacer(source: PixelSource): string[] {
  return deinterlaceFilter(source) === undefined ? [] : ["bwdif=deint=interlaced"];
}

/** Offset along an axis: centred, or at an end if `longer` (an ffmpeg condition) holds. */
function cropOffset(preset: Preset, axis: "w" | "h", longer: string): string {
  const { cropPosition = "center", cropRounding = "trunc", order } = preset;
  const room = `(i${axis}-o${axis})`;
  const center = {
    trunc: `trunc(${room}/2)`,
    ceil: `ceil(${room}/2)`,
    "half-even": `floor(${room}/2)+eq(mod(${room}\\,4)\\,3)`,
  }[cropRounding];
  if (order === "crop-resize") return center;
  if (cropPosition === "center") return center;
  return `if(${longer}\\,${cropPosition === "low" ? "0" : `i${axis}-o${axis}`}\\,${center})`;
}

/** The deinterlacer that runs on every frame before selection, or nothing for a progressive stream. */
export function deinterlaceFilter(source: PixelSource): string | undefined {
  const isInterlaced = !["progressive", "unknown", ""].includes(source.fieldOrder);
  return isInterlaced ? "bwdif=mode=send_frame:parity=auto:deint=interlaced" : undefined;
}

const turns = { 0: [], 90: ["transpose=clock"], 180: ["vflip", "hflip"], 270: ["transpose=cclock"] };
const mirroredTurns = {
  0: ["hflip"],
  90: ["transpose=clock_flip"],
  180: ["vflip", "copy"], // restores rows to top-down order
  270: ["transpose=cclock_flip"],
};

/** The filters that rotate frames upright. */
export function uprightFilter({ rotation, mirrored = false }: PixelSource): string[] {
  return (mirrored ? mirroredTurns : turns)[rotation as 0];
}

function isYuv(pixelFormat: string): boolean {
  return /^(yuv|nv\d|p0|p2|p4|y2|uyvy|yvyu|ayuv|vuy|xv)/.test(pixelFormat);
}
