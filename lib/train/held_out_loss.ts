import { input, trace } from "../graph/trace.js";
import { compile } from "../runtime/compile.js";
import type { Device } from "../runtime/device.js";
import { ProgramCache } from "../runtime/program_cache.js";
import type { Task } from "./task.js";

/** Sizes of groups of at most `size`, as equal as possible, whose sum is `count`. */
function groupSizes(count: number, size: number): number[] {
  const groups = Math.ceil(count / size);
  return Array.from({ length: groups }, (_, i) => Math.floor(((i + 1) * count) / groups) - Math.floor((i * count) / groups)); // prettier-ignore
}

/**
 * A contrastive loss over held-out pairs. In the order of the set, the pairs are cut into groups of the size of a training
 * batch, or the next smaller sizes that are as equal as possible; the loss is the mean over the groups, weighted by
 * their pairs. So it is comparable with the loss of the training, except that nothing is dropped out, and the same in
 * each evaluation of the same weights.
 */
export class HeldOutLoss {
  readonly #programs = new ProgramCache();

  /** @param task one with `pairs` @param size pairs of a batch */
  constructor(
    readonly device: Device,
    readonly task: Task,
    readonly size: number,
  ) {}

  /** @param a f32 `[count, D]`: embeddings of `task.pairs` @param b f32 `[count, D]` */
  async of(a: Float32Array, b: Float32Array, count: number): Promise<number> {
    const D = a.length / count;
    let [at, sum] = [0, 0];
    for (const N of groupSizes(count, this.size)) {
      const program = this.#programs.get(String(N), () =>
        compile(
          trace(() => ({ loss: this.task.pairs!.loss(input("a", [N, D]), input("b", [N, D])) })),
          this.device,
        ),
      );
      const rows = (x: Float32Array) => x.subarray(at * D, (at + N) * D);
      const { loss } = await program.run({ a: rows(a), b: rows(b) });
      sum += N * loss[0];
      at += N;
    }
    return sum / count;
  }

  dispose(): void {
    this.#programs.clear();
  }
}
