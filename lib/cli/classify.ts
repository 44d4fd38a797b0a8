import { readFileSync } from "node:fs";
import { Command } from "commander";
import { InvalidArgumentError } from "../errors.js";
import { readFeatureFile, readFeatureFolders } from "../features/extracted_features.js";
import { videoClipTextSide } from "../features/text_side.js";
import { zeroShotClassify } from "../features/zero_shot.js";
import { VideoClip } from "../models/videoclip.js";
import { interruptible } from "./interrupt.js";
import { positive } from "./options.js";

interface Flags {
  model: string;
  tokenizer?: string;
  label?: string[];
  labels?: string;
  template?: string[];
  top: number;
  threads?: number;
  json?: boolean;
}

/** A repeated option. */
export const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** Lines of a text file, without empty ones. @throws InvalidArgumentError */
export function readTexts(argument: string, path: string): string[] {
  try {
    return readFileSync(path, "utf8").split(/\r?\n/).filter((line) => line.trim() !== ""); // prettier-ignore
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new InvalidArgumentError(`${argument}: ${path} cannot be read (${code})`, { argument, cause });
  }
}

/** `videoclip classify`: which of some labels fits each video, without training. */
export function classifyCommand(): Command {
  return new Command("classify")
    .description("Score labels for each video, without training: dot products with the mean of each label's sentences")
    .argument("<features...>", "folders that videoclip extract wrote, or folders of .npy files [clips, dim]")
    .requiredOption("--model <path>", "VideoCLIP model: a folder or checkpoint")
    .option("--tokenizer <path>", "tokenizer.json or vocab.txt of the model, where its folder has none")
    .option("--label <text>", "a label; may be repeated", collect)
    .option("--labels <file>", "labels, one a line")
    .option("--template <text>", "a sentence with {} for the label; may be repeated; default: {}", collect)
    .option("--top <n>", "labels per video", positive, 5)
    .option("--threads <n>", "compute threads; default: the cores of this machine", positive)
    .option("--json", "one JSON object per video on stdout")
    .addHelpText(
      "after",
      '\nExample:\n  videoclip classify features/ --model videoclip/ --label cooking --label sport --template "a video of {}"',
    )
    .action((folders: string[], flags: Flags) =>
      interruptible("what was printed is all there is", (signal) => run(folders, flags, signal)),
    );
}

async function run(folders: string[], flags: Flags, signal: AbortSignal): Promise<void> {
  const { model: path, tokenizer, threads, template: templates } = flags;
  const labels = [...(flags.label ?? []), ...(flags.labels ? readTexts("labels", flags.labels) : [])];
  const { files } = readFeatureFolders(folders);
  const model = await VideoClip.load(path, { device: "cpu", threads, signal, ...(tokenizer ? { tokenizer } : {}) });
  try {
    const text = videoClipTextSide(model, path, tokenizer);
    for (const file of files) {
      const videos = await model.embedVideo(readFeatureFile(file), { longVideos: "window", signal });
      const [scores] = await zeroShotClassify(videos, labels, { text, templates, signal });
      const best = scores.slice(0, flags.top);
      process.stdout.write(
        flags.json
          ? `${JSON.stringify({ video: file.video, labels: best })}\n`
          : `${file.video}\n${best.map(({ label, score }) => `  ${score.toFixed(4).padStart(9)}  ${label}\n`).join("")}`,
      );
    }
  } finally {
    model.dispose();
  }
}
