import { writeDurably } from "../../files.js";
import { join } from "node:path";
import { readCrossTasks, readCrossTaskSteps } from "../../data/crosstask.js";
import { selectCrossTaskVideos } from "../../data/crosstask_videos.js";
import { InvalidArgumentError } from "../../errors.js";
import { Random } from "../../random.js";
import { pieceIds } from "../../text/piece_ids.js";
import { CrossTaskSteps, type CrossTaskVideo } from "../step_data.js";
import { stepLocalisation } from "../tasks/steps.js";
import { prepareLongVideos } from "./long_videos.js";
import type { PreparedRun, RunContext } from "./prepared_run.js";
import type { CrossTaskConfig } from "./schema.js";

const DRAW = 0xc705; // stream of the draw of the videos

/** Fine-tuning for CrossTask: binary cross-entropy of tokens with the texts of the steps. */
export const prepareCrossTask = (config: CrossTaskConfig, context: RunContext): Promise<PreparedRun> =>
  prepareLongVideos(config, context, config.data.step ?? 16, async (model, options) => {
    const { tokenizer } = model;
    if (!tokenizer) {
      throw new InvalidArgumentError("model.tokenizer: the steps are texts, so a tokenizer is needed", {
        argument: "model.tokenizer",
      });
    }
    const videos = await trainingVideos(config, context.path);
    return {
      task: stepLocalisation(model.config),
      data: new CrossTaskSteps(videos, options, (text) => pieceIds(tokenizer, text)),
      saveBeside: (folder) => {
        // what an evaluation leaves out: videos.csv's columns
        const lines = videos.map(({ task, video }) => `${task.id},${video},\n`);
        writeDurably(join(folder, "trained_videos.csv"), lines.join(""));
      },
    };
  });

/** The annotated videos in `videos`, but not in `without`: all of them, or `perTask` of each task, drawn by the seed. */
async function trainingVideos(
  { data, seed = 0 }: CrossTaskConfig,
  path: (name: string) => string,
): Promise<CrossTaskVideo[]> {
  const list = (name: string | undefined) => (name === undefined ? undefined : path(name));
  const annotated = await selectCrossTaskVideos({
    tasks: [path(data.tasks)],
    annotations: path(data.annotations),
    videos: list(data.videos),
    without: list(data.without),
  });
  const tasks = [...new Set((await readCrossTasks(path(data.tasks))).map(({ id }) => id))];
  const drawn = tasks.flatMap((id, i) => {
    const own = annotated.filter(({ task }) => task.id === id);
    return data.perTask === undefined ? own : new Random(seed, DRAW, i).sample(own, data.perTask);
  });
  return Promise.all(
    drawn.map(async ({ task, video, file }) => ({ video, task, steps: await readCrossTaskSteps(file) })),
  );
}
