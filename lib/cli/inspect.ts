import { Command, InvalidArgumentError, Option } from "commander";
import { describeModel } from "../models/describe.js";
import { inspectWeights } from "../weights/inspect.js";

interface Flags {
  model?: "s3d" | "s3dg";
  frames?: string;
  size?: string;
  json?: boolean;
}

/** `videoclip inspect`: what is in a weight file, or what a model is made of. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Show the tensors of a weight file, or the layers of a model")
    .argument("[file]", "weight file")
    .addOption(
      new Option("--model <name>", "layers, parameters and multiply-adds of this model").choices(["s3d", "s3dg"]),
    )
    .option("--frames <n>", "frames of the clip (with --model)")
    .option("--size <n>", "height and width of the clip (with --model)")
    .option("--json", "machine-readable output")
    .action(async (file: string | undefined, flags: Flags) => {
      if (flags.model) showModel(flags.model, flags);
      else if (file) await showFile(file, flags.json ?? false);
      else throw new InvalidArgumentError("give a weight file or --model");
    });
}

async function showFile(file: string, json: boolean): Promise<void> {
  const report = await inspectWeights(file);
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
      ...lines,
    ].join("\n")}\n`,
  );
}

function showModel(model: "s3d" | "s3dg", flags: Flags): void {
  const count = (text?: string) => (text === undefined ? undefined : Number(text));
  const description = describeModel({ model, frames: count(flags.frames), size: count(flags.size) });
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(description)}\n`);
    return;
  }
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
  process.stdout.write(
    `${["layer              op               output                     parameters  multiply-adds", ...rows, total].join("\n")}\n`,
  );
}
