import { type Command, Option } from "commander";
import type { DeviceName, PrecisionChoice } from "../runtime/device.js";
import { presetOf, type VideoModelChoice, videoModelNamed } from "../models/video/video_model_of.js";
import { VIDEO_MODEL_NAMES } from "../models/video/video_models.js";
import { VIDEOCLIP_PRESETS } from "../models/videoclip/videoclip_config.js";
import { resolvePreset } from "../video/presets.js";
import type { DecoderName, OnError, Preset } from "../video/types.js";
import { aboveZero, byteCount, number, positive } from "./options.js";

/** Options that decide about the features of an extraction. */
export interface ExtractionFlags {
  model: string;
  weights?: string;
  randomWeights?: number;
  output?: string;
  preset?: string;
  fps?: number;
  frames?: number;
  stride?: number;
  size?: number;
  precision: PrecisionChoice;
  saveDtype: "f16" | "f32";
  l2?: boolean;
  hdr?: "tonemap" | "keep";
  hash?: boolean;
  onError: OnError;
  keepPartial?: boolean;
}

/** Options for how a machine decodes and computes. */
export interface ComputingFlags {
  batch: number | "auto";
  decoders: number;
  threads?: number;
  device: DeviceName;
  decoder: DecoderName;
  timeout?: number;
}

/** Adds the options of {@link ExtractionFlags}. */
export const withExtraction = (command: Command): Command =>
  command
    .option(
      "--model <name>",
      `network: ${VIDEO_MODEL_NAMES.join(", ")}; the video encoder of ${Object.keys(VIDEOCLIP_PRESETS).join(" or ")}, or of a ` +
        "VideoCLIP model's folder",
      "s3dg",
    )
    .option("--weights <file>", "weight file: safetensors, .pth, .pt")
    .option("--random-weights <seed>", "generated weights instead of a file, for trying things out", number)
    .option(
      "--output <name>",
      "s3d: mixed_5c or logits; s3dg: mixed_5c or video_embedding; x3d: features, conv_5, logits or probabilities; " +
        "default: the first",
    )
    .option("--preset <name>", "sampling and preprocessing; default: the one of the model")
    .option("--fps <n>", "frames per second", number)
    .option("--frames <n>", "frames per clip", positive)
    .option("--stride <n>", "frames between the starts of clips", positive)
    .option("--size <n>", "height and width of the crop", positive)
    .addOption(
      new Option(
        "--precision <p>",
        "type of values between layers; auto: bf16 where it is faster, else f32; bf16x3: f32 on a matrix unit of bf16",
      )
        .choices(["auto", "f32", "bf16x3", "tf32", "bf16", "f16"])
        .default("f32"),
    )
    .addOption(new Option("--save-dtype <t>", "type of the saved features").choices(["f16", "f32"]).default("f16"))
    .option("--l2", "divide each feature by its 2-norm")
    .addOption(
      new Option("--hdr <way>", "HDR videos: tone-map them to SDR, or keep their values").choices(["tonemap", "keep"]),
    )
    .option("--hash", "note the SHA-256 of each video, which tells moved and touched ones for certain")
    .addOption(
      new Option(
        "--on-error <what>",
        "at broken data of a video: skip the clips that touch them; stop and keep what came before, marked as partial; or fail",
      )
        .choices(["skip", "stop", "fail"])
        .default("skip"),
    )
    .option("--keep-partial", "keep the features of a video that stops early, marked as partial");

/** The video encoder and the preset that the options name. @throws InvalidArgumentError; WeightsError */
export function chosenEncoder(flags: Partial<ExtractionFlags>): {
  model: VideoModelChoice["model"];
  weights: string | undefined;
  output: string | undefined;
  preset: Preset;
} {
  const choice = videoModelNamed(flags.model, { orFolder: true });
  const { fps, frames, stride, size, hdr, weights = choice.weights, output = choice.output } = flags;
  const overrides = { fps, frames, stride, size, hdr };
  const preset = flags.preset === undefined ? presetOf(choice, overrides) : resolvePreset(flags.preset, overrides);
  return { model: choice.model, weights, output, preset };
}

/** Adds the options of {@link ComputingFlags}, which do not change features. */
export const withComputing = (command: Command): Command =>
  command
    .option("--batch <n>", "clips per program", (text) => (text === "auto" ? text : positive(text)), "auto")
    .option("--decoders <n>", "videos decoded at the same time", positive, 2)
    .option("--threads <n>", "compute threads; default: the cores of this machine", positive)
    .option("--device <name>", "where to compute: auto, cpu, cuda, cuda:N for the N-th GPU", "auto")
    .addOption(new Option("--decoder <name>", "video decoder").choices(["auto", "node-av", "ffmpeg"]).default("auto"))
    .option("--timeout <s>", "seconds that a decoder may give nothing before its video fails", aboveZero);

/** Options for the server of a bucket. */
export interface BucketFlags {
  s3Endpoint?: string;
  s3VirtualHost?: boolean;
}

/** Adds the options of {@link BucketFlags}. */
export const withBucket = (command: Command): Command =>
  command
    .option("--s3-endpoint <url>", "S3-compatible server for s3:// addresses; default: AWS_ENDPOINT_URL, else AWS")
    .option("--s3-virtual-host", "put the bucket into the host's name; default with AWS");

/** Options for videos behind addresses. */
export interface StorageFlags extends BucketFlags {
  spool?: string;
  spoolBytes?: number;
}

/** Adds the options of {@link StorageFlags}. */
export const withStorage = (command: Command): Command =>
  withBucket(
    command
      .option(
        "--spool <dir>",
        "folder for downloaded videos while they are decoded; default: the system's temporary folder",
      )
      .option(
        "--spool-bytes <n>",
        "most bytes in it, such as 20GB; downloads wait while it is full; default: 10GB",
        byteCount,
      ),
  );
