import { readCoin } from "../../data/coin.js";
import { classifierParameters, loadClassifier, saveClassifier } from "../../models/videoclip/videoclip_classifier.js";
import { initializeParameters } from "../initialize.js";
import { CoinSteps } from "../step_data.js";
import { stepClassification } from "../tasks/steps.js";
import { prepareLongVideos } from "./long_videos.js";
import type { PreparedRun, RunContext } from "./prepared_run.js";
import type { CoinConfig } from "./schema.js";

/** Fine-tuning for COIN: a linear head over the tokens, cross-entropy over the labels and the background. */
export const prepareCoin = (config: CoinConfig, context: RunContext): Promise<PreparedRun> =>
  prepareLongVideos(config, context, config.data.step ?? 8, async ({ config: sizes, device }, options) => {
    const { annotations, subset = "training" } = config.data;
    const all = await readCoin(context.path(annotations));
    const classes = 1 + Math.max(...all.flatMap(({ steps }) => steps.map(({ label }) => label)));
    const { load } = config.model;
    const loaded = load && (await loadClassifier(context.path(load), device.parameters, sizes.hiddenSize));
    if (loaded !== classes) {
      initializeParameters(device.parameters, classifierParameters(classes, sizes.hiddenSize), config.seed ?? 0);
    }
    return {
      task: stepClassification(sizes, classes),
      data: new CoinSteps(
        all.filter((video) => video.subset === subset),
        options,
      ),
      saveBeside: (folder) => saveClassifier(folder, device.parameters, classes, sizes.hiddenSize),
    };
  });
