import type { PixelSource } from "./filters.js";
import { type Geometry, geometryOf } from "./geometry.js";
import type { PixelLayout } from "./pixel_layout.js";
import type { PlaneFrame } from "./pixel_layout.js";
import { ToneMap, type HdrTransfer } from "./tone_map.js";
import type { Preset } from "../types.js";

/** The source samples of one output sample along an axis. */
interface Taps {
  first: number;
  weights: number[];
}

/** The picture that is made of a frame. */
export interface ScaleTarget extends Pick<Preset, "interpolation" | "scaler"> {
  width: number;
  height: number;
  /** Where it lies in a frame of a size that was resized. */
  placeIn(frameWidth: number, frameHeight: number): Pick<Geometry, "stepX" | "stepY" | "left" | "top">;
}

/** The crop of a preset. */
export function cropOf(preset: Preset): ScaleTarget {
  const { crop, interpolation, scaler } = preset;
  const placeIn = (width: number, height: number) => geometryOf(preset, width, height);
  return { width: crop, height: crop, interpolation, scaler, placeIn };
}

/** Makes the pixels of HDR frames: tone-mapped at their own size, then resized in float64 and rounded once. */
export class HdrScaler {
  private readonly tones: ToneMap;

  constructor(
    private readonly target: ScaleTarget,
    private readonly source: PixelSource,
    private readonly layout: PixelLayout,
    transfer: HdrTransfer,
  ) {
    this.tones = new ToneMap(transfer, source.colorPrimaries);
  }

  /** Writes the target's picture of a frame, u8 RGB `[height, width, 3]`. */
  write(frame: PlaneFrame, to: Uint8Array): void {
    const { width, height, placeIn } = this.target;
    const { stepX, stepY, left, top } = placeIn(frame.width, frame.height);
    const columns = Array.from({ length: width }, (_, x) => this.taps(left + x, stepX, frame.width));
    const line = new Float64Array(3 * frame.width);
    const rows = new Map<number, Float64Array>();
    const mixed = new Float64Array(3 * width);
    for (let y = 0; y < height; y++) {
      const { first, weights } = this.taps(top + y, stepY, frame.height);
      mixed.fill(0);
      for (const row of rows.keys()) if (row < first) rows.delete(row);
      weights.forEach((weight, j) => {
        if (weight === 0) return;
        let row = rows.get(first + j);
        if (row === undefined) {
          this.readRow(frame, first + j, line);
          rows.set(first + j, (row = resized(line, columns)));
        }
        for (let i = 0; i < mixed.length; i++) mixed[i] += weight * row[i];
      });
      for (let i = 0; i < mixed.length; i++) {
        to[3 * width * y + i] = Math.min(255, Math.max(0, Math.round(mixed[i])));
      }
    }
  }

  /** Two-tap bilinear; or bilinear, bicubic (Keys, -0.6) and area kernels of the width of an output pixel. */
  private taps(i: number, step: number, length: number): Taps {
    const { interpolation, scaler } = this.target;
    const width = scaler === "two-tap" ? 1 : Math.max(1, step);
    const radius = interpolation === "bicubic" ? 2 : interpolation === "area" ? 0.5 : 1;
    const center = step * (i + 0.5) - 0.5;
    const first = Math.max(0, Math.min(length - 1, Math.ceil(center - radius * width)));
    const last = Math.max(first, Math.min(length - 1, Math.floor(center + radius * width)));
    const weights: number[] = [];
    for (let at = first; at <= last; at++) weights.push(kernel(Math.abs(at - center) / width, interpolation));
    const sum = weights.reduce((all, each) => all + each, 0);
    return { first, weights: weights.map((each) => (sum === 0 ? 1 / weights.length : each / sum)) };
  }

  /** Tone-maps a row: red, green and blue of each pixel. A pixel uses the chroma sample of its block. */
  private readRow({ width, planes, strides }: PlaneFrame, y: number, to: Float64Array): void {
    const { kind, depth, shift, chromaX, chromaY } = this.layout;
    const unit = 2 ** (depth - 8);
    const isFull = this.source.colorRange === "pc";
    const [zero, range, chroma] = isFull ? [0, 2 ** depth - 1, 2 ** depth - 1] : [16 * unit, 219 * unit, 224 * unit];
    const [kr, kb] = this.source.colorSpace === "bt709" ? [0.2126, 0.0722] : [0.2627, 0.0593];
    const kg = 1 - kr - kb;
    const sample = (plane: number, row: number, column: number) => {
      const at = row * strides[plane] + (depth > 8 ? 2 * column : column);
      return depth > 8 ? (planes[plane][at] | (planes[plane][at + 1] << 8)) >> shift : planes[plane][at];
    };
    const isPaired = kind === "paired";
    const white = 2 ** depth - 1;
    for (let x = 0; x < width; x++) {
      if (kind === "rgb") {
        const at = 3 * x;
        this.tones.write(sample(0, y, at) / white, sample(0, y, at + 1) / white, sample(0, y, at + 2) / white, to, at);
        continue;
      }
      const luma = (sample(0, y, x) - zero) / range;
      let [cb, cr] = [0, 0];
      if (kind !== "gray") {
        const [row, column] = [y >> chromaY, x >> chromaX];
        cb = (sample(1, row, isPaired ? 2 * column : column) - 128 * unit) / chroma;
        cr = ((isPaired ? sample(1, row, 2 * column + 1) : sample(2, row, column)) - 128 * unit) / chroma;
      }
      const red = luma + 2 * (1 - kr) * cr;
      const blue = luma + 2 * (1 - kb) * cb;
      this.tones.write(red, (luma - kr * red - kb * blue) / kg, blue, to, 3 * x);
    }
  }
}

function kernel(x: number, interpolation: Preset["interpolation"]): number {
  if (interpolation === "area") return x <= 0.5 ? 1 : 0;
  if (interpolation === "bilinear") return Math.max(0, 1 - x);
  if (x < 1) return 1.4 * x ** 3 - 2.4 * x ** 2 + 1;
  return x < 2 ? -0.6 * x ** 3 + 3 * x ** 2 - 4.8 * x + 2.4 : 0;
}

function resized(line: Float64Array, columns: readonly Taps[]): Float64Array {
  const out = new Float64Array(3 * columns.length);
  columns.forEach(({ first, weights }, x) => {
    for (let j = 0; j < weights.length; j++) {
      for (let c = 0; c < 3; c++) out[3 * x + c] += weights[j] * line[3 * (first + j) + c];
    }
  });
  return out;
}
