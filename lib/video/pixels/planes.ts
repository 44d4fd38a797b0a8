import { loadAddon } from "../../runtime/binding.js";
import { colorsOf, type Matrix, pixelFilter, type PixelSource, planesFilter } from "./filters.js";
import { geometryOf, keepsOneSide, keepsSize } from "./geometry.js";
import { cropOf, HdrScaler } from "./hdr_scaler.js";
import { layoutFor, type PixelLayout, type PlaneFrame, planesOf } from "./pixel_layout.js";
import { hdrTransfer, type HdrTransfer } from "./tone_map.js";
import type { Preset } from "../types.js";

/** swscale's factors of each matrix, as multiples of 1 / 65536: red by Cr, blue by Cb, green by Cb and by Cr. */
const factors: Record<Matrix, [number, number, number, number]> = {
  bt709: [117489, 138438, 13975, 34925],
  fcc: [104448, 132798, 24759, 53109],
  bt601: [104597, 132201, 25675, 53279],
  smpte240m: [117579, 136230, 16907, 35559],
  bt2020: [110013, 140363, 12277, 42626],
};

/**
 * The steps from a decoded frame to the pixels of a clip. With a `layout` the decoder passes the planes in that layout,
 * after `filter` if there is one, and `writePlanes` computes the pixels; without, `filter` computes them.
 */
export interface PixelPath {
  filter: string | undefined;
  layout: PixelLayout | undefined;
}

/**
 * Chooses the steps by which a preset's pixels are computed from frames of this size (before rotation). The package
 * reads the planes directly for the two-tap scaler, and for unscaled frames that FFmpeg's versions convert differently.
 */
export function pixelPath(preset: Preset, source: PixelSource, width: number, height: number): PixelPath {
  const isMapped = toneMapped(preset, source) !== undefined;
  if (!isMapped && preset.scaler !== "two-tap" && !keepsSize(preset, width, height)) {
    return { filter: pixelFilter(preset, source, keepsOneSide(preset, width, height)), layout: undefined };
  }
  const layout = layoutFor(source.pixelFormat, isMapped);
  return { filter: planesFilter(source, layout.name, preset), layout };
}

/** The transfer of a stream that is tone-mapped; undefined where its values are taken as they are. */
export function toneMapped({ hdr = "tonemap" }: Pick<Preset, "hdr">, source: PixelSource): HdrTransfer | undefined {
  return hdr === "tonemap" ? hdrTransfer(source.colorTransfer) : undefined;
}

/** The note on an HDR stream in a manifest; undefined for SDR. */
export function hdrNote({ hdr = "tonemap" }: Preset, source: PixelSource): string | undefined {
  const transfer = hdrTransfer(source.colorTransfer);
  return transfer && `${transfer}, ${hdr === "tonemap" ? "tone-mapped" : "kept"}`;
}

function isAccurate({ scaler, conversion = "accurate" }: Preset): boolean {
  return scaler !== "two-tap" && conversion === "accurate";
}

/** Computes the pixels of frames for one stream. */
export class PlaneScaler {
  private plan: Float64Array = new Float64Array(0);
  private size = "";
  private readonly hdr: HdrScaler | undefined;

  constructor(
    private readonly preset: Preset,
    private readonly source: PixelSource,
    readonly layout: PixelLayout,
  ) {
    const transfer = toneMapped(preset, source);
    if (transfer !== undefined) this.hdr = new HdrScaler(cropOf(preset), source, layout, transfer);
  }

  /** Writes the crop of a frame, u8 RGB `[crop, crop, 3]`. */
  write(frame: PlaneFrame, to: Uint8Array): void {
    if (this.hdr !== undefined) return this.hdr.write(frame, to);
    const { width, height, planes, strides } = frame;
    if (this.size !== `${width}x${height}`) {
      this.plan = this.planOf(width, height);
      this.size = `${width}x${height}`;
    }
    loadAddon().addon.scalePlanes(planes, strides, this.plan, to);
  }

  /**
   * Position of chroma samples in 1 / 256 of their pixels, along each subsampled axis. ffmpeg's filter `scale` uses the
   * centre whatever the stream says.
   */
  private chromaPlace(): [number, number] {
    const place = this.preset.scaler === "two-tap" ? this.source.chromaLocation : "unspecified";
    const x = place.endsWith("left") ? 64 : 128;
    const y = place.startsWith("top") ? 64 : place.startsWith("bottom") ? 192 : 128;
    return [this.layout.chromaX === 1 ? x : 128, this.layout.chromaY === 1 ? y : 128];
  }

  /** The plan in the order of native/cpp/video/plane_scaler.h. */
  private planOf(width: number, height: number): Float64Array {
    const { kind, depth, shift, chromaX, chromaY } = this.layout;
    const { matrix, isFullRange } = colorsOf(this.preset, this.source);
    const { stepX, stepY, left, top } = geometryOf(this.preset, width, height);
    const kinds = ["planar", "paired", "gray", "rgb"];
    const layout = [kinds.indexOf(kind), depth, shift, chromaX, chromaY, ...this.chromaPlace()];
    const color = [...factors[matrix], Number(isFullRange)];
    const end = [stepX, stepY, left, top, this.preset.crop, Number(isAccurate(this.preset))];
    return Float64Array.of(width, height, ...layout, ...color, ...end);
  }
}

/** The planes of a frame of raw video, whose rows are contiguous. */
export function packedFrame(layout: PixelLayout, width: number, height: number, bytes: Uint8Array): PlaneFrame {
  let at = 0;
  const planes: Uint8Array[] = [];
  const strides: number[] = [];
  for (const { rowBytes, rows } of planesOf(layout, width, height)) {
    planes.push(bytes.subarray(at, (at += rowBytes * rows)));
    strides.push(rowBytes);
  }
  return { width, height, planes, strides };
}

/** Bytes of such a frame. */
export function packedBytes(layout: PixelLayout, width: number, height: number): number {
  return planesOf(layout, width, height).reduce((sum, { rowBytes, rows }) => sum + rowBytes * rows, 0);
}
