import { Command } from "commander";
import { VideoEncoder } from "../models/video/video_encoder.js";
import { RunFolder } from "../queue/run_folder.js";
import { work } from "../queue/worker.js";
import { openWorkerStore } from "../queue/worker_store.js";
import { chosenEncoder, type ComputingFlags, withComputing } from "./extraction_options.js";
import { onDrain } from "./interrupt.js";
import { aboveZero, positive } from "./options.js";
import { ProgressReporter } from "./progress.js";
import { type QueueFlags, withEngine, withQueue } from "./queue_options.js";

interface Flags extends QueueFlags, ComputingFlags {
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
  return withComputing(withQueue(command))
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
  const { name, lease, maxCrashes, grace } = flags;
  const run = RunFolder.open(flags.run);
  const { randomWeights, precision, saveDtype, l2, hash, onError, keepPartial } = run.options;
  const reporter = new ProgressReporter(flags);
  const onNote = (note: string) => reporter.note(note);
  await withEngine(
    run,
    flags.queue,
    (engine) =>
      onDrain(grace * 1000, async (drain, signal) => {
        const chosen = chosenEncoder({ ...run.options, weights: flags.weights ?? run.options.weights });
        const { batch, device, threads } = flags;
        const encoder = await VideoEncoder.load({ ...chosen, randomWeights, precision, batch, device, threads });
        try {
          const store = await openWorkerStore(run.folder, name, { signal, onNote });
          try {
            const { decoder, decoders, timeout } = flags;
            const summary = await work(run, engine, store, {
              encoder,
              decoder,
              decoders,
              timeout,
              saveDtype,
              l2,
              hash,
              onError,
              keepPartial,
              maxCrashes,
              lease: lease * 1000,
              drain,
              signal,
              onNote,
              onEvent: (event) => reporter.event(event),
            });
            reporter.finish(summary);
            if (!summary.complete) onNote("the worker was asked to end; videoclip queue status says what is left");
          } finally {
            store.close();
          }
        } finally {
          encoder.dispose();
        }
      }),
    lease * 1000,
  );
}
