import { statSync } from "node:fs";
import { extname } from "node:path";
import { Command, Option } from "commander";
import { InvalidArgumentError } from "../base/errors.js";
import { VIDEO_MODEL_NAMES, type VideoModelName } from "../models/video/video_models.js";
import { VideoClip } from "../models/videoclip/videoclip.js";
import { videoEncoderToOnnx } from "../models/video/video_encoder_onnx.js";
import { videoClipToOnnx, type VideoClipTower } from "../models/videoclip/videoclip_onnx.js";
import { resolvePreset } from "../video/presets.js";
import { convertWeights } from "../weights/inspect.js";
import { number, positive } from "./options.js";

interface Flags {
  onnx?: string;
  model?: VideoModelName;
  output?: string;
  preset?: string;
  frames?: number;
  size?: number;
  batch?: number;
  tower?: VideoClipTower;
  length?: number;
  randomWeights?: number;
  json?: boolean;
}

/** The converted file: the object that `--json` prints. */
interface Report {
  output: string;
  bytes: number;
  tensors: number;
  /** Classes of a trainer's objects in a checkpoint, which were left out. */
  skipped?: string[];
}

/** Options that require `--onnx`, for a video encoder or for `--tower`. */
const OF_ENCODER = ["model", "output", "preset", "frames", "size", "randomWeights"] as const;
const OF_TOWER = ["tower", "length"] as const;
const OF_ONNX = [...OF_ENCODER, ...OF_TOWER, "batch"] as const;

const optionName = (flag: string) => `--${flag.replace("W", "-w")}`;

/** `videoclip convert`: a checkpoint to safetensors; a video encoder or a tower of VideoCLIP to ONNX. */
export function convertCommand(): Command {
  return new Command("convert")
    .description(
      "Convert a PyTorch checkpoint to safetensors, or a video encoder or VideoCLIP to ONNX (nothing in it is executed)",
    )
    .argument("[input]", ".pth, .pt, .pyth, .bin or .safetensors, recognised by content; with --tower a VideoCLIP")
    .argument("[output]", ".safetensors; replaced when it is there")
    .option("--onnx <file>", "write an ONNX model instead; replaced when it is there")
    .addOption(new Option("--model <name>", "network (with --onnx)").choices(VIDEO_MODEL_NAMES))
    .option("--output <name>", "output of the model, as of videoclip extract (with --onnx)")
    .option("--preset <name>", "frames and size of a clip; default: the one of the model (with --onnx)")
    .option("--frames <n>", "frames per clip (with --onnx)", positive)
    .option("--size <n>", "height and width of a clip (with --onnx)", positive)
    .option("--batch <n>", "clips, videos or texts that the model takes at once; default 1 (with --onnx)", positive)
    .addOption(new Option("--tower <name>", "encoder of a VideoCLIP model (with --onnx)").choices(["video", "text"]))
    .option("--length <n>", "tokens of a text, [CLS] and [SEP] included (with --tower text)", positive)
    .option("--random-weights <seed>", "generated weights instead of a file (with --onnx)", number)
    .option("--json", "one JSON object on stdout: output, bytes, tensors, skipped")
    .addHelpText(
      "after",
      "\nExamples:\n  videoclip convert s3d_howto100m.pth s3d_howto100m.safetensors\n" +
        "  videoclip convert s3d_howto100m.pth --onnx s3dg.onnx --model s3dg --output video_embedding\n" +
        "  videoclip convert run/model --onnx text.onnx --tower text\n" +
        "\nThe ONNX model of a video encoder takes normalised float32 clips [N, 3, T, H, W]; a tower takes features or ids, each" +
        "\nwith a mask (float32), and gives the embedding.",
    )
    .action(async (input: string | undefined, output: string | undefined, flags: Flags) => {
      const report = flags.onnx
        ? await toOnnxFile(input, output, flags.onnx, flags)
        : await toSafetensors(input, output, flags);
      if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
      else {
        const { skipped = [] } = report;
        const left = skipped.length > 0 ? `left out objects of ${skipped.join(", ")}\n` : "";
        process.stderr.write(`${left}${report.tensors} tensors, ${report.bytes} bytes written to ${report.output}\n`);
      }
    });
}

async function toSafetensors(input: string | undefined, output: string | undefined, flags: Flags): Promise<Report> {
  const alone = OF_ONNX.find((flag) => flags[flag] !== undefined);
  if (alone) throw new InvalidArgumentError(`${optionName(alone)} goes with --onnx FILE`, { argument: alone });
  if (!input) throw usage("input", "a checkpoint", "nothing");
  if (!output) throw usage("output", "a .safetensors file (or --onnx FILE)", "nothing");
  checkExtension("output", output, ".safetensors");
  const { tensors, skipped } = await convertWeights(input, output);
  return { output, bytes: statSync(output).size, tensors, skipped };
}

async function toOnnxFile(
  weights: string | undefined,
  second: string | undefined,
  output: string,
  flags: Flags,
): Promise<Report> {
  const { model, randomWeights, preset, frames, size } = flags;
  checkExtension("--onnx", output, ".onnx");
  if (second) throw usage("output", "one output, --onnx", second);
  if (flags.tower) return toTowerFile(weights, flags.tower, output, flags);
  if (flags.length !== undefined)
    throw new InvalidArgumentError("--length goes with --tower text", { argument: "length" });
  if (!model && weights && isFolder(weights))
    throw usage("--tower", "video or text, for the folder of a VideoCLIP", "nothing");
  if (!model) throw usage("--model", `one of ${VIDEO_MODEL_NAMES.join(", ")} with --onnx`, "nothing");
  if (weights && randomWeights !== undefined) throw usage("input", "no file with --random-weights", weights);
  const overrides = { frames, size };
  const onnx = await videoEncoderToOnnx({
    ...flags,
    model,
    weights,
    preset: preset === undefined ? overrides : resolvePreset(preset, overrides),
  });
  await onnx.save(output);
  return { output, bytes: onnx.bytes, tensors: onnx.tensors };
}

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

async function toTowerFile(
  input: string | undefined,
  tower: VideoClipTower,
  output: string,
  flags: Flags,
): Promise<Report> {
  const foreign = OF_ENCODER.find((flag) => flags[flag] !== undefined);
  if (foreign) {
    const message = `${optionName(foreign)} does not go with --tower: the model says what it is`;
    throw new InvalidArgumentError(message, { argument: foreign });
  }
  if (!input) throw usage("input", "the folder or checkpoint of a VideoCLIP model", "nothing");
  const { batch, length } = flags;
  const model = await VideoClip.load(input, { device: "cpu" });
  try {
    const onnx = videoClipToOnnx(model, { tower, batch, length });
    await onnx.save(output);
    return { output, bytes: onnx.bytes, tensors: onnx.tensors };
  } finally {
    model.dispose();
  }
}

function checkExtension(argument: string, path: string, expected: string): void {
  if (extname(path).toLowerCase() !== expected) throw usage(argument, `a name that ends in ${expected}`, path);
}

function usage(argument: string, expected: string, received: string): InvalidArgumentError {
  return new InvalidArgumentError(`${argument}: expected ${expected}, received ${received}`, {
    argument,
    expected,
    received,
  });
}
