import { type Command, Option } from "commander";
import type { RankingOptions, Ties } from "../eval/index.js";
import { type FeatureFlags, withFeatures } from "./features.js";
import { positive, whole } from "./options.js";

/** What a model is opened with, to make predictions before they are scored, and what is written about them. */
export interface ModelFlags extends FeatureFlags {
  model?: string | undefined;
  tokenizer?: string | undefined;
  threads?: number | undefined;
  quiet?: boolean | undefined;
  html?: string | undefined;
  pictures?: string | undefined;
}

/** Adds the options of a model to a command. */
export const withModel = (command: Command): Command =>
  withFeatures(command)
    .option("--model <path>", "a VideoCLIP model: its predictions are written to --predictions, then scored")
    .option("--features <folder>", "with --model: features of the videos, one .npy each, a row per second")
    .option("--tokenizer <path>", "tokenizer.json or vocab.txt of the model, where its folder has none")
    .option("--threads <n>", "compute threads; default: the cores of this machine", positive)
    .option("--quiet", "no progress")
    .option("--html <file>", "also write a page: figures, curves, best and worst examples")
    .option("--pictures <folder>", "with --html: the videos, for pictures of the examples");

export interface RankingFlags {
  ties?: Ties | undefined;
  bootstrap?: number | undefined;
  seed?: number | undefined;
}

/** Adds how queries are ranked. */
export const withRanking = (command: Command): Command =>
  command
    .addOption(
      new Option("--ties <rule>", "equal scores: their mean over all orders, the relevant one first, or as MMPT counts")
        .choices(["expected", "optimistic", "mmpt"])
        .default("expected"),
    )
    .option("--bootstrap <samples>", "95 % intervals by resampling the queries", whole)
    .option("--seed <n>", "of the resampling", whole, 0);

export const rankingOf = ({ ties, bootstrap, seed }: RankingFlags): RankingOptions => ({
  ties,
  bootstrap: bootstrap ? { samples: bootstrap, seed } : undefined,
});
