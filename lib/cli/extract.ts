import { Command, Option } from "commander";
import type { DeviceName, PrecisionChoice } from "../runtime/device.js";
import { extractToFolder } from "../features/run.js";
import { VideoEncoder } from "../models/video/video_encoder.js";
import { presetOf, videoModelNamed } from "../models/video/video_model_of.js";
import { VIDEO_MODEL_NAMES } from "../models/video/video_models.js";
import { VIDEOCLIP_PRESETS } from "../models/videoclip/videoclip_config.js";
import { resolvePreset } from "../video/presets.js";
import type { DecoderName, OnError } from "../video/types.js";
import { EXPORT_FORMATS, type ExportFormatName } from "../export/formats.js";
import { collectFormats, planExports, runExport } from "./extract_formats.js";
import { interruptible } from "./interrupt.js";
import { aboveZero, number, positive } from "./options.js";
import { ProgressReporter } from "./progress.js";

interface Flags {
  model: string;
  weights?: string;
  randomWeights?: number;
  out: string;
  output?: string;
  preset?: string;
  fps?: number;
  frames?: number;
  stride?: number;
  size?: number;
  precision: PrecisionChoice;
  saveDtype: "f16" | "f32";
  l2?: boolean;
  batch: number | "auto";
  decoders: number;
  hdr?: "tonemap" | "keep" | undefined;
  threads?: number;
  device: DeviceName;
  decoder: DecoderName;
  shard?: string;
  resume?: boolean;
  retryFailed?: boolean;
  hash?: boolean;
  timeout?: number;
  format?: ExportFormatName[];
  onError: OnError;
  keepPartial?: boolean;
  json?: boolean;
  quiet?: boolean;
}

/** `videoclip extract`: features of many videos into a folder. */
export function extractCommand(): Command {
  return new Command("extract")
    .description(
      "Extract one feature per clip from videos: a .npy [clips, dim] per video, manifest.jsonl, failures.jsonl",
    )
    .argument("<inputs...>", "files, folders, globs, or lists (.csv, .tsv, .jsonl, .json with a path column; .txt)")
    .requiredOption("--out <dir>", "folder for the features")
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
    .option("--batch <n>", "clips per program", (text) => (text === "auto" ? text : positive(text)), "auto")
    .option("--decoders <n>", "videos decoded at the same time", positive, 2)
    .option("--threads <n>", "compute threads; default: the cores of this machine", positive)
    .option("--device <name>", "where to compute: auto, cpu, cuda, cuda:N for the N-th GPU", "auto")
    .addOption(new Option("--decoder <name>", "video decoder").choices(["auto", "node-av", "ffmpeg"]).default("auto"))
    .addOption(
      new Option("--hdr <way>", "HDR videos: tone-map them to SDR, or keep their values").choices(["tonemap", "keep"]),
    )
    .option("--shard <i/n>", "only every n-th video from the i-th on, 0 <= i < n")
    .option("--resume", "go on with a folder; what is finished and did not change stays")
    .option("--retry-failed", "go on, and try failed and partial videos again")
    .option("--hash", "note the SHA-256 of each video, which tells moved and touched ones for certain")
    .option("--timeout <s>", "seconds that a decoder may give nothing before its video fails", aboveZero)
    .addOption(
      new Option(
        "--on-error <what>",
        "at broken data of a video: skip the clips that touch them; stop and keep what came before, marked as partial; or fail",
      )
        .choices(["skip", "stop", "fail"])
        .default("skip"),
    )
    .option("--keep-partial", "keep the features of a video that stops early, marked as partial")
    .option(
      "--format <names>",
      `also export the features when the extraction is complete, beside the folder: ${EXPORT_FORMATS.join(", ")} ` +
        "(several: with commas, or the option again)",
      collectFormats,
    )
    .option("--json", "events and the summary as JSON lines on stdout")
    .option("--quiet", "no progress")
    .addHelpText(
      "after",
      "\nExamples:\n  videoclip extract videos/ --model s3dg --weights s3d_howto100m.pth --out features/\n" +
        "  videoclip extract videos/ --weights s3d_howto100m.pth --out features/ --format parquet\n" +
        "\nExit code: 0 all videos done, 1 some failed (see failures.jsonl), 2 wrong usage, 130 interrupted.",
    )
    .action(runExtract);
}

async function runExtract(inputs: string[], flags: Flags): Promise<void> {
  const exports = planExports(flags);
  const choice = videoModelNamed(flags.model, { orFolder: true });
  const { fps, frames, stride, size, hdr, weights = choice.weights, output = choice.output } = flags;
  const overrides = { fps, frames, stride, size, hdr };
  const preset = flags.preset === undefined ? presetOf(choice, overrides) : resolvePreset(flags.preset, overrides);
  const encoder = await VideoEncoder.load({ ...flags, model: choice.model, weights, output, preset });
  const reporter = new ProgressReporter(flags);
  try {
    await interruptible("finished videos are saved, go on with --resume", async (signal) => {
      try {
        const summary = await extractToFolder(inputs, {
          ...flags,
          encoder,
          signal,
          onProgress: (progress) => reporter.update(progress),
          onEvent: (event) => reporter.event(event),
          onNote: (note) => reporter.note(note),
        });
        reporter.finish(summary);
        if (summary.failures > 0) process.exitCode = 1;
        for (const one of exports) await runExport(flags, one, signal);
      } catch (error) {
        reporter.stop(); // stop the progress display before anything else is written
        throw error;
      }
    });
  } finally {
    encoder.dispose();
  }
}
