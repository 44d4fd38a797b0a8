import { Command, InvalidArgumentError, Option } from "commander";
import { InvalidArgumentError as UsageError } from "../base/errors.js";
import { describeModel, type ModelDescription } from "../models/describe.js";
import { describeVideoClip } from "../models/videoclip/describe_videoclip.js";
import { inspectModel } from "../models/inspect_model.js";
import type { S3DOptions } from "../models/video/s3d.js";
import { VIDEO_MODEL_NAMES, type VideoModelName } from "../models/video/video_models.js";
import { VIDEOCLIP_PRESETS, type VideoClipPreset, videoClipPreset } from "../models/videoclip/videoclip_config.js";
import { positive } from "./options.js";

interface Flags {
  model?: VideoModelName | VideoClipPreset;
  frames?: number;
  size?: number;
  convolutions?: S3DOptions["convolutions"];
  split?: string;
  gating?: S3DOptions["gating"];
  json?: boolean;
}

const VIDEOCLIP_NAMES = Object.keys(VIDEOCLIP_PRESETS);
const isVideoClip = (name: string): name is VideoClipPreset => VIDEOCLIP_NAMES.includes(name);

/** `videoclip inspect`: describes a weight file, or the layers of a model. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Show the tensors of a weight file, or the layers of a model")
    .argument("[file]", "weight file, or the folder of a model (config.json and its weights)")
    .addOption(
      new Option("--model <name>", "layers, parameters and multiply-adds of this model").choices([
        ...VIDEO_MODEL_NAMES,
        ...VIDEOCLIP_NAMES,
      ]),
    )
    .option("--frames <n>", "frames of the clip (with --model)", positive)
    .option("--size <n>", "height and width of the clip (with --model)", positive)
    .addOption(
      new Option("--convolutions <form>", "member of the S3D family (with --model)").choices([
        "separable",
        "full",
        "top-heavy",
        "bottom-heavy",
      ]),
    )
    .option("--split <block>", "first block of the upper part of top-heavy and bottom-heavy: 2c, 3b ... 5c")
    .addOption(new Option("--gating <where>", "self-gates (with --model)").choices(["none", "branch", "temporal"]))
    .option("--json", "machine-readable output")
    .action(async (file: string | undefined, flags: Flags) => {
      if (flags.model) showModel(flags.model, flags);
      else if (file) await showFile(file, flags.json ?? false);
      else throw new InvalidArgumentError("give a weight file or --model");
    });
}

async function showFile(path: string, json: boolean): Promise<void> {
  const report = await inspectModel(path);
  if (json) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const lines = report.tensors.map(
    ({ key, dtype, shape }) => `  ${dtype.padEnd(5)} ${`[${shape.join(", ")}]`.padEnd(24)} ${key}`,
  );
  process.stdout.write(
    `${[
      `file        ${report.path}`,
      `format      ${report.format}`,
      `sha256      ${report.sha256}`,
      `recognised  ${report.model ?? "no published layout"}`,
      `tensors     ${report.tensors.length}`,
      `parameters  ${report.parameters.toLocaleString("en")}`,
      ...(report.skipped.length > 0 ? [`skipped     ${report.skipped.join(", ")}`] : []),
      ...lines,
    ].join("\n")}\n`,
  );
}

function showModel(model: VideoModelName | VideoClipPreset, flags: Flags): void {
  const { frames, size, convolutions, split, gating } = flags;
  const clip = Object.entries({ frames, size }).filter(([, value]) => value !== undefined);
  const s3d = Object.entries({ convolutions, split, gating }).filter(([, value]) => value !== undefined);
  const refuse = (flag: string, expected: string): never => {
    throw new UsageError(`--${flag}: expected ${expected} with it, received ${model}`, { argument: `--${flag}` });
  };
  if (s3d.length > 0 && !model.startsWith("s3d")) refuse(s3d[0][0], "s3d or s3dg");
  if (isVideoClip(model)) {
    if (clip.length > 0) refuse(clip[0][0], "a video encoder");
    const parts = describeVideoClip(videoClipPreset(model));
    if (flags.json) process.stdout.write(`${JSON.stringify(parts)}\n`);
    else for (const [name, part] of Object.entries(parts)) process.stdout.write(table(part, name));
    return;
  }
  const description = describeModel({ model, frames, size, options: Object.fromEntries(s3d) });
  process.stdout.write(flags.json ? `${JSON.stringify(description)}\n` : table(description));
}

function table(description: ModelDescription, part?: string): string {
  const rows = description.layers.map(({ name, op, output, parameters, macs }) =>
    [
      name.padEnd(18),
      op.padEnd(16),
      `[${output.join(", ")}]`.padEnd(26),
      String(parameters).padStart(10),
      `${(macs / 1e6).toFixed(1)} M`.padStart(12),
    ].join(" "),
  );
  const total = `${description.parameters.toLocaleString("en")} parameters, ${(description.macs / 1e9).toFixed(3)} G multiply-adds`;
  const head = "layer              op               output                     parameters  multiply-adds";
  return `${[head, ...rows, part ? `${part}: ${total}` : total].join("\n")}\n`;
}
