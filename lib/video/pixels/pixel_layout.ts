/** Memory layout of a decoded frame, for formats that the package reads directly. */
export interface PixelLayout {
  /** FFmpeg's name. */
  name: string;
  /**
   * `planar`: Y, Cb, Cr; `paired`: Y, then Cb and Cr interleaved; `gray`: Y alone; `rgb`: red, green and blue
   * interleaved.
   */
  kind: "planar" | "paired" | "gray" | "rgb";
  /** Bits of a sample; samples of more than 8 bits take two bytes, little-endian. */
  depth: number;
  /** Bits below the sample in its two bytes. */
  shift: number;
  /** Chroma has a sample for every `2 ** chromaX` columns and `2 ** chromaY` rows. */
  chromaX: number;
  chromaY: number;
}

const chroma: Record<string, [number, number]> = {
  "420": [1, 1],
  "422": [1, 0],
  "444": [0, 0],
  "440": [0, 1],
  "411": [2, 0],
  "410": [2, 2],
};

/** Formats with another order of samples, and the format they are converted to. */
const rearranged: Record<string, string> = {
  yuyv422: "yuv422p",
  uyvy422: "yuv422p",
  yvyu422: "yuv422p",
  uyyvyy411: "yuv411p",
  nv16: "yuv422p",
  nv24: "yuv444p",
  nv42: "yuv444p",
  p210le: "yuv422p10le",
  p410le: "yuv444p10le",
  y210le: "yuv422p10le",
  ya8: "gray",
};

/**
 * The layout that frames of a pixel format are handed over in: their own where the package reads it, else the nearest that it
 * does, at last `rgb24`.
 *
 * @param isDeep - whether RGB of more than 8 bits keeps them, as `rgb48le`, which `HdrScaler` alone reads.
 */
export function layoutFor(pixelFormat: string, isDeep = false): PixelLayout {
  if (isDeep && isDeepRgb(pixelFormat)) return layout("rgb48le", "rgb", 16, 0);
  if (isDeep && /^ya16/.test(pixelFormat)) return layout("gray16le", "gray", 16, 0);
  return (
    read(pixelFormat) ?? read(rearranged[pixelFormat] ?? withoutAlpha(pixelFormat)) ?? layout("rgb24", "rgb", 8, 0)
  );
}

function isDeepRgb(pixelFormat: string): boolean {
  return /^(rgb48|rgba64|bgr48|bgra64|x2rgb10|x2bgr10|gbra?p(9|10|12|14|16))/.test(pixelFormat);
}

/** `yuva420p` is read as `yuv420p` with a plane more; big-endian samples are turned. */
function withoutAlpha(pixelFormat: string): string {
  return pixelFormat.replace(/^yuva/, "yuv").replace(/be$/, "le");
}

function read(name: string): PixelLayout | undefined {
  const planar = /^yuvj?(420|422|444|440|411|410)p(?:(9|10|12|14|16)le)?$/.exec(name);
  if (planar) return layout(name, "planar", Number(planar[2] ?? 8), 0, chroma[planar[1]]);
  if (name === "nv12") return layout(name, "paired", 8, 0, chroma["420"]);
  const paired = /^p0(10|12|16)le$/.exec(name);
  if (paired) return layout(name, "paired", Number(paired[1]), 16 - Number(paired[1]), chroma["420"]);
  const gray = /^gray(?:(9|10|12|14|16)le)?$/.exec(name);
  if (gray) return layout(name, "gray", Number(gray[1] ?? 8), 0);
  return name === "rgb24" ? layout(name, "rgb", 8, 0) : undefined;
}

function layout(
  name: string,
  kind: PixelLayout["kind"],
  depth: number,
  shift: number,
  [chromaX, chromaY]: [number, number] = [0, 0],
): PixelLayout {
  return { name, kind, depth, shift, chromaX, chromaY };
}

/** Bytes per row and number of rows of each plane, for frames of a size. */
export function planesOf(layout: PixelLayout, width: number, height: number): { rowBytes: number; rows: number }[] {
  const { kind, depth, chromaX, chromaY } = layout;
  const bytes = depth > 8 ? 2 : 1;
  const first = { rowBytes: width * bytes * (kind === "rgb" ? 3 : 1), rows: height };
  if (kind === "rgb" || kind === "gray") return [first];
  const columns = -(-width >> chromaX);
  const rows = -(-height >> chromaY);
  if (kind === "paired") return [first, { rowBytes: 2 * columns * bytes, rows }];
  const plane = { rowBytes: columns * bytes, rows };
  return [first, plane, plane];
}

/** A decoded frame. */
export interface PlaneFrame {
  width: number;
  height: number;
  planes: Uint8Array[];
  /** Row stride of each plane in bytes. */
  strides: number[];
}
