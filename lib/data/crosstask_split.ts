import { readCrossTaskVideos } from "./crosstask.js";
import { type CrossTaskAnnotation, keyOf } from "./crosstask_videos.js";
import { NumpyRandom } from "./numpy_random.js";

/** Videos that a model is fine-tuned on, and those that it is judged by. */
interface CrossTaskSplit {
  training: CrossTaskAnnotation[];
  test: CrossTaskAnnotation[];
}

/** What a split is made of. */
interface CrossTaskSplitOptions {
  /** The file videos.csv, whose order the draw follows. */
  videos: string;
  /** The file videos_val.csv: its videos are in neither part. */
  validation?: string | undefined;
  /** Ids of the primary tasks. */
  primary: ReadonlySet<string>;
  /** Videos of a task for training; 30 in MMPT. */
  perTask?: number | undefined;
}

/**
 * The split of fairseq's MMPT (and of CrossTask's own code, Zhukov et al. 2019, with NumPy's seed 0): of each primary task with
 * more than `perTask` videos, so many are drawn for training and the others are the test; videos of other tasks are for training.
 * MMPT evaluates zero-shot on this test, too. The draw depends on the videos that there are: leave out those without features, as
 * MMPT does, before it.
 * @param annotated all videos that there are, those of `validation` too: the tasks come in the order of their first ones
 */
export async function mmptSplit(
  annotated: readonly CrossTaskAnnotation[],
  { videos, validation, primary, perTask = 30 }: CrossTaskSplitOptions,
): Promise<CrossTaskSplit> {
  const known = new Map(annotated.map((item) => [keyOf(item.task.id, item.video), item]));
  const byTask = new Map<string, CrossTaskAnnotation[]>();
  const unused = validation === undefined ? [] : await readCrossTaskVideos(validation);
  const without = new Set(unused.map(({ task, video }) => keyOf(task, video)));
  for (const { task, video } of await readCrossTaskVideos(videos)) {
    const key = keyOf(task, video);
    const item = known.get(key);
    if (!item) continue;
    const own = byTask.get(task) ?? [];
    byTask.set(task, own);
    if (!without.has(key)) own.push(item);
  }
  const random = new NumpyRandom(0);
  const split: CrossTaskSplit = { training: [], test: [] };
  for (const [task, own] of byTask) {
    const drawn = primary.has(task) && own.length > perTask ? random.choice(own, perTask) : own;
    const chosen = new Set(drawn);
    split.training.push(...drawn);
    split.test.push(...own.filter((item) => !chosen.has(item)));
  }
  return split;
}
