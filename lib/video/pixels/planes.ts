import { loadAddon } from "../../runtime/binding.js";
import { colorsOf, type Matrix, pixelFilter, type PixelSource, planesFilter } from "./filters.js";
import { geometryOf, keepsOneSide, keepsSize } from "./geometry.js";
import { HdrScaler } from "./hdr_scaler.js";
import { layoutFor, type PixelLayout, type PlaneFrame, planesOf } from "./pixel_layout.js";
import { hdrTransfer, type HdrTransfer } from "./tone_map.js";
import type { Preset } from "../types.js";

/** swscale's factors of each matrix, 65536 to one: red by Cr, blue by Cb, green by Cb and by Cr. */
const factors: Record<Matrix, [number, number, number, number]> = {
  bt709: [117489, 138438, 13975, 34925],
  fcc: [104448, 132798, 24759, 53109],
  bt601: [104597, 132201, 25675, 53279],
  smpte240m: [117579, 136230, 16907, 35559],
  bt2020: [110013, 140363, 12277, 42626],
};

/**
 * What happens between a decoded frame and the pixels of a clip. With a `layout` a decoder hands the planes of its frames over
 * as the layout says, after `filter` where there is one, and `writePlanes` makes the pixels; without, `filter` makes them.
 */
export interface PixelPath {
  filter: string | undefined;
  layout: PixelLayout | undefined;
}

/**
 * How a preset's pixels are made from a stream of frames of this size (before rotation). The package reads the planes
 * itself for the two-tap scaler, and where nothing is scaled and FFmpeg's versions would convert apart.
 */
export function pixelPath(preset: Preset, source: PixelSource, width: number, height: number): PixelPath {
  const isMapped = toneMapped(preset, source) !== undefined;
  if (!isMapped && preset.scaler !== "two-tap" && !keepsSize(preset, width, height)) {
    return { filter: pixelFilter(preset, source, keepsOneSide(preset, width, height)), layout: undefined };
  }
  const layout = layoutFor(source.pixelFormat);
  return { filter: planesFilter(preset, source, layout.name), layout };
}

/** The transfer of a stream that is tone-mapped; undefined where its values are taken as they are. */
function toneMapped({ hdr = "tonemap" }: Preset, source: PixelSource): HdrTransfer | undefined {
  return hdr === "tonemap" ? hdrTransfer(source.colorTransfer) : undefined;
}

/** What a manifest notes of an HDR stream; undefined for SDR. */
export function hdrNote({ hdr = "tonemap" }: Preset, source: PixelSource): string | undefined {
  const transfer = hdrTransfer(source.colorTransfer);
  return transfer && `${transfer}, ${hdr === "tonemap" ? "tone-mapped" : "kept"}`;
}

function isAccurate({ scaler, conversion = "accurate" }: Preset): boolean {
  return scaler !== "two-tap" && conversion === "accurate";
}

/** Makes the pixels of frames for one stream. */
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
    if (transfer !== undefined) this.hdr = new HdrScaler(preset, source, layout, transfer);
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
   * Where chroma samples lie, in 1 / 256 of the pixels that one stands for, by the position along an axis that is subsampled.
   * ffmpeg's filter `scale` takes the middle whatever the stream says.
   */
  private chromaPlace(): [number, number] {
    const place = this.preset.scaler === "two-tap" ? this.source.chromaLocation : "unspecified";
    const x = place.endsWith("left") ? 64 : 128;
    const y = place.startsWith("top") ? 64 : place.startsWith("bottom") ? 192 : 128;
    return [this.layout.chromaX === 1 ? x : 128, this.layout.chromaY === 1 ? y : 128];
  }

  /** In the order of native/cpp/video/plane_scaler.h. */
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

/** The planes of a frame whose rows lie behind each other without gaps, as raw video has them. */
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
