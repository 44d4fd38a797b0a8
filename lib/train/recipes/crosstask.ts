import { writeDurably } from "../../base/files.js";
import { join } from "node:path";
import { readCrossTasks, readCrossTaskSteps } from "../../data/crosstask.js";
import { mmptSplit } from "../../data/crosstask_split.js";
import { type CrossTaskAnnotation, selectCrossTaskVideos } from "../../data/crosstask_videos.js";
import type { FeatureSource } from "../../data/feature_source.js";
import { InvalidArgumentError } from "../../base/errors.js";
import { Random } from "../../base/random.js";
import { RANDOM_STREAMS } from "../../base/random_streams.js";
import { pieceIds } from "../../text/piece_ids.js";
import { wrongArgument } from "../../base/wrong_argument.js";
import { CrossTaskSteps, type CrossTaskVideo } from "../step_data.js";
import { stepLocalisation } from "../tasks/steps.js";
import { prepareLongVideos } from "./long_videos.js";
import type { PreparedRun, RunContext } from "./prepared_run.js";
import type { CrossTaskConfig } from "./schema.js";

/** Fine-tuning for CrossTask: binary cross-entropy of tokens with the texts of the steps. */
export const prepareCrossTask = (config: CrossTaskConfig, context: RunContext): Promise<PreparedRun> =>
  prepareLongVideos(config, context, config.data.step ?? 16, async (model, options) => {
    const { tokenizer } = model;
    if (!tokenizer) {
      throw new InvalidArgumentError("model.tokenizer: the steps are texts, so a tokenizer is needed", {
        argument: "model.tokenizer",
      });
    }
    const videos = await trainingVideos(config, context.path, options.features);
    return {
      task: stepLocalisation(model.config),
      data: new CrossTaskSteps(videos, options, (text) => pieceIds(tokenizer, text)),
      saveBeside: (folder) => {
        // the videos that an evaluation leaves out, in the columns of videos.csv
        const lines = videos.map(({ task, video }) => `${task.id},${video},\n`);
        writeDurably(join(folder, "trained_videos.csv"), lines.join(""));
      },
    };
  });

/**
 * Training videos: those in `videos`, not in `without`; all of them, or `perTask` per task, drawn by the seed or as
 * fairseq's MMPT draws them among those with features.
 */
async function trainingVideos(
  { data, seed = 0 }: CrossTaskConfig,
  path: (name: string) => string,
  features: FeatureSource,
): Promise<CrossTaskVideo[]> {
  const list = (name: string | undefined) => (name === undefined ? undefined : path(name));
  const tasks = [...new Set((await readCrossTasks(path(data.tasks))).map(({ id }) => id))];
  const files = { tasks: [path(data.tasks)], annotations: path(data.annotations) };
  const lists = { videos: list(data.videos), without: list(data.without) };
  let drawn: CrossTaskAnnotation[];
  if (data.draw === "mmpt") {
    const { videos, without: validation } = lists;
    if (videos === undefined) throw wrongArgument("data.videos", "videos.csv, whose order MMPT's draw follows", "none");
    const available = (await selectCrossTaskVideos(files)).filter(({ video }) => features.has(video));
    const options = { videos, validation, primary: new Set(tasks), perTask: data.perTask };
    drawn = (await mmptSplit(available, options)).training;
  } else {
    const annotated = await selectCrossTaskVideos({ ...files, ...lists });
    drawn = tasks.flatMap((id, i) => {
      const own = annotated.filter(({ task }) => task.id === id);
      return data.perTask === undefined
        ? own
        : new Random(seed, RANDOM_STREAMS.crossTaskVideos, i).sample(own, data.perTask);
    });
  }
  return Promise.all(
    drawn.map(async ({ task, video, file }) => ({ video, task, steps: await readCrossTaskSteps(file) })),
  );
}
