import { Command } from "commander";
import { classifyFolder } from "../features/classify_folder.js";
import type { FeatureFailure } from "../features/feature_failures.js";
import { interruptible } from "./interrupt.js";
import { collect, failureReporter, positive, printable, readTexts } from "./options.js";
import { reportUnknownWords } from "./unknown.js";

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

/** `videoclip classify`: scores labels for each video, zero-shot. */
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
  const { model, tokenizer, threads, template: templates } = flags;
  const labels = [...(flags.label ?? []), ...(flags.labels ? readTexts("labels", flags.labels) : [])];
  const opening = { model, tokenizer, threads, device: "cpu" as const, signal };
  const report = failureReporter();
  const onFailure = (failure: FeatureFailure) => {
    report(failure);
    process.exitCode = 1;
  };
  for await (const { video, labels: scores } of classifyFolder(folders, labels, {
    ...opening,
    templates,
    onFailure,
    onUnknown: reportUnknownWords,
  })) {
    const best = scores.slice(0, flags.top);
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ video, labels: best })}\n`
        : `${printable(video)}\n${best.map(({ label, score }) => `  ${score.toFixed(4).padStart(9)}  ${label}\n`).join("")}`,
    );
  }
}
