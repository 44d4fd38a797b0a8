import type { Preset } from "../types.js";

/** Size of a frame after the resize, and the square crop; in pixels. */
export interface Geometry {
  width: number;
  height: number;
  /** Source pixels per output pixel. */
  stepX: number;
  stepY: number;
  left: number;
  top: number;
}

/** Resize and crop of a preset for frames of a size (after rotation), if it resizes the whole frame. */
export function geometryOf(preset: Preset, sourceWidth: number, sourceHeight: number): Geometry {
  const short = Math.min(sourceWidth, sourceHeight);
  const width = sideAfter(preset, sourceWidth, short);
  const height = sideAfter(preset, sourceHeight, short);
  const isFactor = preset.resizeMode === "short" && preset.sideRounding === "factor";
  const step = (from: number, to: number) => Math.fround(isFactor ? 1 / (preset.resize / short) : from / to);
  return {
    width,
    height,
    stepX: step(sourceWidth, width),
    stepY: step(sourceHeight, height),
    left: cropOffset(preset, width, sourceWidth >= sourceHeight),
    top: cropOffset(preset, height, sourceHeight > sourceWidth),
  };
}

/** Whether frames of this size are cropped without scaling. */
export function keepsSize(preset: Preset, width: number, height: number): boolean {
  const short = Math.min(width, height);
  if (preset.order === "crop-resize") return short === preset.resize;
  return preset.resizeMode === "short" ? short === preset.resize : width === preset.resize && height === preset.resize;
}

/** Whether frames of this size are scaled along a single axis. */
export function keepsOneSide(preset: Preset, width: number, height: number): boolean {
  return preset.resizeMode === "exact" && (width === preset.resize) !== (height === preset.resize);
}

function sideAfter({ resizeMode, resize, sideRounding = "trunc" }: Preset, side: number, short: number): number {
  if (resizeMode === "exact" || side === short) return resize;
  const rounded = {
    trunc: Math.trunc((side * resize) / short),
    ratio: Math.floor((side / short) * resize),
    factor: Math.trunc(side * (resize / short)),
    round: Math.floor((side * resize) / short + 0.5),
  };
  return Math.max(resize, rounded[sideRounding]);
}

function cropOffset(preset: Preset, length: number, isLonger: boolean): number {
  const { crop, cropPosition = "center", cropRounding = "trunc" } = preset;
  const room = length - crop;
  if (isLonger && cropPosition !== "center") return cropPosition === "low" ? 0 : room;
  const half = Math.floor(room / 2);
  if (cropRounding === "ceil") return Math.ceil(room / 2);
  return cropRounding === "half-even" && room % 4 === 3 ? half + 1 : half;
}
