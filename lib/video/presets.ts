import { InvalidArgumentError } from "../base/errors.js";
import { presetTable } from "./preset_table.js";
import type { PadMode, Preset, TimeRule } from "./types.js";

/** Fields of a preset that a caller may change. `size` sets the crop, and scales the resize by the same factor. */
export interface PresetOverrides {
  fps?: number | undefined;
  frames?: number | undefined;
  /** Default: the preset's stride, or `frames` if the preset's clips do not overlap. */
  stride?: number | undefined;
  size?: number | undefined;
  /** Default: the preset's. Any rule but `linspace` changes `spread` to `repeat`. */
  timeRule?: TimeRule | undefined;
  pad?: PadMode | undefined;
  hdr?: Preset["hdr"];
}

/** All presets, as copies that may be changed freely. */
export function listPresets(): Preset[] {
  return presetTable.map((entry) => structuredClone(entry));
}

/**
 * The preset with this name (or a complete preset of the caller) with overrides applied.
 *
 * @throws InvalidArgumentError with the field, for an unknown name or a value out of range
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
  if (overrides.timeRule !== undefined) {
    result.timeRule = overrides.timeRule;
    if (overrides.timeRule !== "linspace" && base.pad === "spread") result.pad = "repeat";
  }
  if (overrides.hdr !== undefined) result.hdr = overrides.hdr;
  if (overrides.pad !== undefined) result.pad = overrides.pad;
  validatePreset(result);
  return result;
}

function findPreset(name: string): Preset {
  const found = presetTable.find((entry) => entry.name === name);
  const names = presetTable.map((entry) => entry.name).join(", ");
  check("preset", found !== undefined, `one of ${names}`, name);
  return structuredClone(found as Preset);
}

/** Checks every field. @throws InvalidArgumentError */
function validatePreset(preset: Preset): void {
  const { fps, frames, stride, resize, crop, mean, std } = preset;
  check("preset.fps", Number.isFinite(fps) && fps > 0 && fps <= 1000, "a number above 0, at most 1000", fps);
  check("preset.frames", isCount(frames, 65536), "an integer from 1 to 65536", frames);
  check("preset.stride", isCount(stride, 2 ** 31), "an integer of at least 1", stride);
  oneOf(preset, "timeRule", ["nearest", "index-floor", "linspace", "linspace-nominal"]);
  oneOf(preset, "timeZero", ["first-frame", "container"]);
  check("preset.resizeMode", ["short", "exact"].includes(preset.resizeMode), "short or exact", preset.resizeMode);
  check("preset.resize", isCount(resize, 16384), "an integer from 1 to 16384", resize);
  oneOf(preset, "sideRounding", ["trunc", "ratio", "factor", "round"]);
  const interpolations = ["bilinear", "bicubic", "area"];
  const interpolation = preset.interpolation;
  check("preset.interpolation", interpolations.includes(interpolation), "bilinear, bicubic or area", interpolation);
  oneOf(preset, "scaler", ["swscale", "two-tap"]);
  oneOf(preset, "conversion", ["accurate", "plain", "plain-bt601"]);
  oneOf(preset, "hdr", ["tonemap", "keep"]);
  oneOf(preset, "order", ["resize-crop", "crop-resize"]);
  if (preset.scaler === "two-tap") {
    check("preset.interpolation", interpolation === "bilinear", "bilinear for the two-tap scaler", interpolation);
    check("preset.conversion", preset.conversion !== "accurate", "plain for the two-tap scaler", preset.conversion);
    check("preset.order", preset.order !== "crop-resize", "resize-crop for the two-tap scaler", preset.order);
  } else {
    const { sideRounding } = preset;
    check("preset.sideRounding", sideRounding !== "factor", "another than factor for swscale", sideRounding);
  }
  check("preset.crop", isCount(crop, resize), `an integer from 1 to preset.resize (${resize})`, crop);
  oneOf(preset, "cropRounding", ["trunc", "half-even", "ceil"]);
  oneOf(preset, "cropPosition", ["low", "center", "high"]);
  check("preset.mean", isTriple(mean), "three numbers", mean);
  check("preset.std", isTriple(std) && std.every((value) => value > 0), "three numbers above 0", std);
  const pads = preset.timeRule === "linspace" ? ["zero", "repeat", "spread"] : ["zero", "repeat"];
  check("preset.pad", pads.includes(preset.pad), pads.join(" or "), preset.pad);
}

/** Checks an optional field whose values are names. */
function oneOf(preset: Preset, field: keyof Preset, names: readonly string[]): void {
  const value = preset[field];
  const choice = `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
  check(`preset.${field}`, value === undefined || names.includes(value as string), choice, value);
}

function isCount(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max;
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
