import { InvalidArgumentError } from "../errors.js";
import type { PadMode, Preset } from "./types.js";

type Triple = [number, number, number];
const zero: Triple = [0, 0, 0];
const one: Triple = [1, 1, 1];
const half: Triple = [0.5, 0.5, 0.5];
const x3dMean: Triple = [0.45, 0.45, 0.45];
const x3dStd: Triple = [0.225, 0.225, 0.225];

/**
 * The table of presets: how frames become the input of the weights they are named after.
 *
 * | name | fps | frames | stride | resize | crop | range | pad |
 * |---|---|---|---|---|---|---|---|
 * | `s3d` | 15 | 16 | 16 | both sides 256, bilinear | 224 | Kinetics mean and std | repeat |
 * | `s3d-kylemin` | 25 | 64 | 64 | short side 224, bilinear | 224 | [-1, 1] | repeat |
 * | `s3dg` | 10 | 32 | 32 | short side 224, bilinear | 224 | [0, 1] | zero |
 * | `s3dg-mmpt` = `videoclip` | 30 | 30 | 30 | short side 224, bicubic | 224 | [0, 1] | zero |
 * | `x3d-xs` | 2.5 | 4 | 4 | short side 182, bilinear | 182 | mean 0.45, std 0.225 | repeat |
 * | `x3d-s` | 5 | 13 | 13 | short side 182, bilinear | 182 | mean 0.45, std 0.225 | repeat |
 * | `x3d-m` | 6 | 16 | 16 | short side 256, bilinear | 256 | mean 0.45, std 0.225 | repeat |
 * | `x3d-l` | 6 | 16 | 16 | short side 356, bilinear | 356 | mean 0.45, std 0.225 | repeat |
 * | `shapes` | 8 | 8 | 8 | both sides 64, area | 64 | [-1, 1] | repeat |
 * | `videoclip-light` | 5 | 13 | 5 | short side 160, bilinear | 160 | mean 0.45, std 0.225 | repeat |
 *
 * `s3d` follows torchvision's `S3D_Weights.KINETICS400_V1` transform; torchvision evaluates 128 frames at 15 fps, 16 is
 * the shortest clip the network takes without padding and keeps one feature near a second. `s3d-kylemin` takes frames as
 * they are; 64 frames at 25 fps is the clip of the paper. `s3dg` is the HowTo100M model (trained on 32 frames near
 * 10 fps). `s3dg-mmpt` gives VideoCLIP's one feature per second; ffmpeg's default scaler in that pipeline is bicubic.
 * `x3d-*` are PyTorchVideo's hub transforms: a frame of every 12, 6 or 5 at 30 fps, at the size of the test crop (overriding
 * the size with 160, 224 or 312 gives the train crop, which SlowFast tests single crops with). Both zoos space the frames of
 * a clip from its first to its last; here they lie at a constant rate. `videoclip-light` is `x3d-s` at its train crop with a
 * clip beginning every second.
 */
const table: readonly Preset[] = [
  preset("s3d", 15, 16, "exact", 256, "bilinear", [0.43216, 0.394666, 0.37645], [0.22803, 0.22145, 0.216989], "repeat"),
  preset("s3d-kylemin", 25, 64, "short", 224, "bilinear", half, half, "repeat"),
  preset("s3dg", 10, 32, "short", 224, "bilinear", zero, one, "zero"),
  preset("s3dg-mmpt", 30, 30, "short", 224, "bicubic", zero, one, "zero"),
  preset("videoclip", 30, 30, "short", 224, "bicubic", zero, one, "zero"),
  preset("x3d-xs", 30 / 12, 4, "short", 182, "bilinear", x3dMean, x3dStd, "repeat", 182),
  preset("x3d-s", 30 / 6, 13, "short", 182, "bilinear", x3dMean, x3dStd, "repeat", 182),
  preset("x3d-m", 30 / 5, 16, "short", 256, "bilinear", x3dMean, x3dStd, "repeat", 256),
  preset("x3d-l", 30 / 5, 16, "short", 356, "bilinear", x3dMean, x3dStd, "repeat", 356),
  preset("shapes", 8, 8, "exact", 64, "area", half, half, "repeat", 64),
  { ...preset("videoclip-light", 5, 13, "short", 160, "bilinear", x3dMean, x3dStd, "repeat", 160), stride: 5 },
];

function preset(
  name: string,
  fps: number,
  frames: number,
  resizeMode: Preset["resizeMode"],
  resize: number,
  interpolation: Preset["interpolation"],
  mean: Triple,
  std: Triple,
  pad: PadMode,
  crop = 224,
): Preset {
  return { name, fps, frames, stride: frames, resizeMode, resize, interpolation, crop, mean, std, pad };
}

/** What a caller may change in a preset. `size` sets the crop, and scales the resize by the same factor. */
export interface PresetOverrides {
  fps?: number | undefined;
  frames?: number | undefined;
  /** Default: the preset's stride, or `frames` where the preset's clips do not overlap. */
  stride?: number | undefined;
  size?: number | undefined;
  pad?: PadMode | undefined;
}

/** All presets, as copies that may be changed freely. */
export function listPresets(): Preset[] {
  return table.map((entry) => structuredClone(entry));
}

/**
 * The preset of that name (or a complete preset of the caller's own) with overrides applied.
 *
 * @throws InvalidArgumentError for an unknown name or a value out of range; names the field.
 */
export function resolvePreset(nameOrPreset: string | Preset, overrides: PresetOverrides = {}): Preset {
  const base = typeof nameOrPreset === "string" ? findPreset(nameOrPreset) : structuredClone(nameOrPreset);
  const result: Preset = { ...base };
  if (overrides.fps !== undefined) result.fps = overrides.fps;
  if (overrides.frames !== undefined) {
    result.frames = overrides.frames;
    if (base.stride === base.frames) result.stride = overrides.frames;
  }
  if (overrides.stride !== undefined) result.stride = overrides.stride;
  if (overrides.size !== undefined) {
    check("size", isCount(overrides.size, 8192), "an integer from 1 to 8192", overrides.size);
    result.resize = Math.round((base.resize * overrides.size) / base.crop);
    result.crop = overrides.size;
  }
  if (overrides.pad !== undefined) result.pad = overrides.pad;
  validatePreset(result);
  return result;
}

function findPreset(name: string): Preset {
  const found = table.find((entry) => entry.name === name);
  const names = table.map((entry) => entry.name).join(", ");
  check("preset", found !== undefined, `one of ${names}`, name);
  return structuredClone(found as Preset);
}

/** Checks every field. @throws InvalidArgumentError */
function validatePreset(preset: Preset): void {
  const { fps, frames, stride, resize, crop, mean, std } = preset;
  check("preset.fps", Number.isFinite(fps) && fps > 0 && fps <= 1000, "a number above 0, at most 1000", fps);
  check("preset.frames", isCount(frames, 65536), "an integer from 1 to 65536", frames);
  check("preset.stride", isCount(stride, 2 ** 31), "an integer of at least 1", stride);
  check("preset.resizeMode", ["short", "exact"].includes(preset.resizeMode), "short or exact", preset.resizeMode);
  check("preset.resize", isCount(resize, 16384), "an integer from 1 to 16384", resize);
  const interpolations = ["bilinear", "bicubic", "area"];
  const interpolation = preset.interpolation;
  check("preset.interpolation", interpolations.includes(interpolation), "bilinear, bicubic or area", interpolation);
  check("preset.crop", isCount(crop, resize), `an integer from 1 to preset.resize (${resize})`, crop);
  const { cropPosition = "center" } = preset;
  const positions = ["low", "center", "high"];
  check("preset.cropPosition", positions.includes(cropPosition), "low, center or high", cropPosition);
  check("preset.mean", isTriple(mean), "three numbers", mean);
  check("preset.std", isTriple(std) && std.every((value) => value > 0), "three numbers above 0", std);
  check("preset.pad", ["zero", "repeat"].includes(preset.pad), "zero or repeat", preset.pad);
}

function isCount(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}

function isTriple(value: unknown): boolean {
  return Array.isArray(value) && value.length === 3 && value.every((entry) => Number.isFinite(entry));
}

function check(argument: string, holds: boolean, expected: string, received: unknown): void {
  if (holds) return;
  throw new InvalidArgumentError(`${argument} must be ${expected}, received ${JSON.stringify(received)}`, {
    argument,
    expected,
    received,
  });
}
