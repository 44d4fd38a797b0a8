import { readCrossTaskVideos } from "./crosstask.js";
import { type CrossTaskAnnotation, keyOf } from "./crosstask_videos.js";
import { NumpyRandom } from "./numpy_random.js";

/** Videos for fine-tuning, and videos for the test. */
interface CrossTaskSplit {
  training: CrossTaskAnnotation[];
  test: CrossTaskAnnotation[];
}

/** Options of a split. */
interface CrossTaskSplitOptions {
  /** The file videos.csv, whose order determines the draw. */
  videos: string;
  /** The file videos_val.csv: its videos are in neither part. */
  validation?: string | undefined;
  /** Ids of the primary tasks. */
  primary: ReadonlySet<string>;
  /** Videos of a task for training; 30 in MMPT. */
  perTask?: number | undefined;
}

/**
 * The split of fairseq's MMPT (and of the code by Zhukov et al. 2019, with NumPy's seed 0). Of each primary task with
 * more than `perTask` videos, `perTask` are drawn for training and the others are the test; all videos of other tasks
 * are for training. MMPT's zero-shot evaluation uses this test too. The draw depends on the set of videos: remove those
 * without features first, as MMPT does.
 * @param annotated all videos, including those of `validation`; tasks are ordered by their first video
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
