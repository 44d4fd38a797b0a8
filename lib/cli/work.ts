import { Command } from "commander";
import { VideoEncoder } from "../models/video/video_encoder.js";
import { SharedRun, type SharedWorkOptions } from "../queue/shared_run.js";
import {
  chosenEncoder,
  type ComputingFlags,
  type StorageFlags,
  withComputing,
  withStorage,
} from "./extraction_options.js";
import { onDrain } from "./interrupt.js";
import { aboveZero, positive } from "./options.js";
import { ProgressReporter } from "./progress.js";
import { type QueueFlags, withQueue, withRun } from "./queue_options.js";

interface Flags extends QueueFlags, ComputingFlags, StorageFlags {
  name?: string;
  weights?: string;
  lease: number;
  maxCrashes: number;
  grace: number;
  json?: boolean;
  quiet?: boolean;
}

/** `videoclip work`: a worker of a run. */
export function workCommand(): Command {
  const command = new Command("work").description(
    "Work on a run of `videoclip queue add` until every video has a result; start it on any number of machines",
  );
  return withStorage(withComputing(withQueue(command)))
    .option("--name <name>", "name of this worker and of its part of the manifest; default: HOST-N")
    .option("--weights <file>", "the weight file, where this machine has it at another path than the run says")
    .option("--lease <s>", "seconds after which the videos of a worker that fell silent go to others", aboveZero, 60)
    .option("--max-crashes <n>", "deaths of workers after which a video is quarantined", positive, 2)
    .option("--grace <s>", "seconds for the videos in progress after SIGTERM; then they are given up", aboveZero, 30)
    .option("--json", "events and the summary as JSON lines on stdout")
    .option("--quiet", "no progress")
    .addHelpText(
      "after",
      "\nExit code: 0 the run is complete, or the worker was asked to end (SIGTERM, SIGINT, videoclip queue drain) and gave\n" +
        "its jobs back; 1 a fault that it cannot mend; 2 wrong usage; 130 ended after --grace, or by a second signal.",
    )
    .action(runWorker);
}

async function runWorker(flags: Flags): Promise<void> {
  const { name, maxCrashes, grace, queue, batch, device, threads, decoder, decoders, timeout } = flags;
  const { spool, spoolBytes, s3Endpoint, s3VirtualHost } = flags;
  const reporter = new ProgressReporter(flags);
  const onNote = (text: string) => reporter.note(text);
  const opened = SharedRun.open(flags.run, { queue, lease: flags.lease * 1000, onNote });
  await withRun(opened, async (run) => {
    await run.connect(); // before the weights are read
    await onDrain(grace * 1000, async (drain, signal) => {
      const { settings } = run;
      const chosen = chosenEncoder({ ...settings, weights: flags.weights ?? settings.weights });
      const { randomWeights, precision } = settings;
      const encoder = await VideoEncoder.load({ ...chosen, randomWeights, precision, batch, device, threads });
      try {
        const onEvent: SharedWorkOptions["onEvent"] = (event) => reporter.event(event);
        const computing = { encoder, decoder, decoders, timeout, maxCrashes };
        const storage = { spool, spoolBytes, s3Endpoint, s3VirtualHost };
        const summary = await run.work({ name, ...computing, ...storage, drain, signal, onEvent });
        reporter.finish(summary);
        if (!summary.complete) onNote("the worker was asked to end; videoclip queue status says what is left");
      } finally {
        encoder.dispose();
      }
    });
  });
}
