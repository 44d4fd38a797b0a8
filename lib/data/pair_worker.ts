// A thread of PairLoader: reads videos of a packed dataset and draws their pairs.
import { parentPort, workerData } from "node:worker_threads";
import { PackedDataset } from "./packed_dataset.js";
import { makePairBatch, type PairBatchOptions } from "./pair_batch.js";
import type { PairReply, PairRequest } from "./pair_loader.js";
import { Skips } from "./skips.js";

const { folder, sampling } = workerData as { folder: string; sampling: PairBatchOptions };

/** Reports to the loader, which applies the limit for all threads. */
class ReportedSkips extends Skips {
  readonly taken: { reason: string; where: string }[] = [];

  constructor() {
    super(Infinity);
  }

  override add(reason: string, where: string): void {
    this.taken.push({ reason, where });
  }
}

const skips = new ReportedSkips();
let dataset: PackedDataset | undefined;

parentPort!.on("message", ({ id, videos, epoch }: PairRequest) => {
  try {
    dataset ??= new PackedDataset(folder, { skips });
    const batch = makePairBatch(dataset, videos, epoch, sampling);
    const reply: PairReply = { id, batch, skipped: skips.taken.splice(0) };
    const arrays = [batch.features, batch.seconds, batch.tokens, batch.lengths, batch.videos];
    parentPort!.postMessage(
      reply,
      arrays.map((array) => array.buffer as ArrayBuffer),
    );
  } catch (error) {
    const reply: PairReply = { id, error: (error as Error).message, skipped: skips.taken.splice(0) };
    parentPort!.postMessage(reply);
  }
});
