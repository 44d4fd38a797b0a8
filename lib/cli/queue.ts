import { Command } from "commander";
import type { Progress } from "../queue/fill.js";
import type { RunOptions } from "../queue/run_folder.js";
import { SharedRun } from "../queue/shared_run.js";
import type { RunStatus } from "../queue/status.js";
import { interruptible } from "./interrupt.js";
import {
  type BucketFlags,
  chosenEncoder,
  type ExtractionFlags,
  withBucket,
  withExtraction,
} from "./extraction_options.js";
import { positive, printable } from "./options.js";
import { duration } from "./progress.js";
import { note, openRun, type QueueFlags, withQueue, withRun } from "./queue_options.js";

interface Flags extends QueueFlags {
  json?: boolean;
}

interface AddFlags extends Flags, ExtractionFlags, BucketFlags {
  chunk?: number;
}

/** `videoclip queue`: an extraction that any number of machines share. */
export function queueCommand(): Command {
  return new Command("queue")
    .description("Share an extraction among machines: lists of videos, and a queue of jobs for `videoclip work`")
    .addCommand(addCommand())
    .addCommand(statusCommand())
    .addCommand(reconcileCommand())
    .addCommand(drainCommand());
}

const addCommand = (): Command =>
  withBucket(
    withQueue(
      withExtraction(
        new Command("add")
          .description("Begin a run, or add videos to one; videos that it has already are left alone")
          .argument("<inputs...>", "files, folders, globs, lists and addresses, as for videoclip extract"),
      ),
    ),
  )
    .option("--chunk <n>", "videos per job; default: up to 256, fewer for long videos and short lists", positive)
    .option("--json", "the summary as one JSON object on stdout")
    .addHelpText(
      "after",
      "\nExample:\n  videoclip queue add videos/ --run features/ --model s3dg --weights s3d_howto100m.pth --queue redis://host:6379\n" +
        "  videoclip work --run features/    # on every machine\n" +
        "\nEvery machine must see the videos and the folder of the run under the same paths.",
    )
    .action((inputs: string[], flags: AddFlags) =>
      interruptible("nothing was added; run it again", (signal) => add(inputs, flags, signal)),
    );

async function add(inputs: string[], flags: AddFlags, signal: AbortSignal): Promise<void> {
  chosenEncoder(flags); // refuses unknown models and presets before anything is written
  const { queue, chunk, s3Endpoint, s3VirtualHost } = flags;
  await withRun(await SharedRun.begin(flags.run, optionsOf(flags), { queue, onNote: note }), async (run) => {
    const { addedVideos, addedJobs, ...progress } = await run.add(inputs, { chunk, s3Endpoint, s3VirtualHost, signal });
    if (flags.json) process.stdout.write(`${JSON.stringify({ addedVideos, addedJobs, ...progress })}\n`);
    else process.stderr.write(`${addedVideos} videos added in ${addedJobs} jobs; ${sentence(progress)}\n`);
  });
}

/** The settings that the run keeps, of the options of the command. */
function optionsOf(flags: ExtractionFlags): RunOptions {
  const { model, weights, randomWeights, output, preset, fps, frames, stride, size } = flags;
  const { precision, saveDtype, l2, hdr, hash, onError, keepPartial } = flags;
  const all = { model, weights, randomWeights, output, preset, fps, frames, stride, size, hdr, precision, saveDtype, l2, hash, onError, keepPartial }; // prettier-ignore
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as RunOptions;
}

const sentence = ({ videos, done, failed, quarantined, left }: Progress): string =>
  `${done} of ${videos} videos done, ${failed} failed${quarantined > 0 ? ` (${quarantined} quarantined)` : ""}, ${left} left`;

const statusCommand = (): Command =>
  withQueue(new Command("status").description("Progress of a run by its results, and what its workers do"))
    .option("--json", "the status as one JSON object on stdout")
    .action((flags: Flags) =>
      withRun(openRun(flags), async (run) => {
        const status = await run.status();
        process.stdout.write(flags.json ? `${JSON.stringify(status)}\n` : described(status));
      }),
    );

function described(status: RunStatus): string {
  const { queue, workers, rate, hours, seconds } = status;
  const lines = [sentence(status)];
  if (queue)
    lines.push(`queue: ${queue.waiting} jobs wait, ${queue.active} are held, ${queue.delayed} wait after a fault`);
  const left = seconds === null ? "unknown" : duration(seconds);
  lines.push(`${rate.toFixed(2)} videos/s, ${hours.toFixed(3)} hours of video/s, time left: ${left}`);
  for (const { name, host, pid, videos, failures, rate: own, seen, isSilent, open } of workers) {
    const oldest = [...open].sort((a, b) => (a.since < b.since ? -1 : 1))[0];
    const now = oldest ? `, ${printable(oldest.path)} since ${oldest.since}` : "";
    lines.push(
      `${name} (process ${pid} on ${host}): ${videos} videos, ${failures} failed, ${own.toFixed(2)} videos/s, seen ${seen}${isSilent ? ", SILENT" : ""}${now}`,
    );
  }
  if (workers.length === 0) lines.push("no worker is at work");
  return `${lines.join("\n")}\n`;
}

const reconcileCommand = (): Command =>
  withQueue(
    new Command("reconcile").description(
      "Add every job with videos that have no result to the queue again; workers do so by themselves when the queue is empty",
    ),
  )
    .option("--retry-failed", "also the videos that failed or were quarantined, and the partial ones")
    .option("--json", "the progress as one JSON object on stdout")
    .action((flags: Flags & { retryFailed?: boolean }) =>
      interruptible("some jobs were added; run it again", (signal) =>
        withRun(openRun(flags), async (run) => {
          const progress = await run.reconcile({ retryFailed: flags.retryFailed, signal });
          if (flags.json) process.stdout.write(`${JSON.stringify(progress)}\n`);
          else process.stderr.write(`${sentence(progress)}; ${progress.jobs} jobs are in the queue\n`);
        }),
      ),
    );

const drainCommand = (): Command =>
  new Command("drain")
    .description("Ask the workers of a run to finish their videos, hand the rest back, and end")
    .requiredOption("--run <dir>", "folder of the run")
    .addHelpText("after", "\n`videoclip queue add` and `videoclip queue reconcile` let workers work again.")
    .action(({ run }: { run: string }) => {
      SharedRun.open(run).drain();
      process.stderr.write(
        "the workers end within some seconds and their current videos; see videoclip queue status\n",
      );
    });
