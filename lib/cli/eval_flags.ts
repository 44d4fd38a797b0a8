import { type Command, Option } from "commander";
import type { RankingOptions, Ties } from "../eval/index.js";
import { type FeatureFlags, withFeatures } from "./features.js";
import { collect, positive, whole } from "./options.js";

/** Options for opening a model, making predictions and writing them. */
export interface ModelFlags extends FeatureFlags {
  model?: string | undefined;
  tokenizer?: string | undefined;
  threads?: number | undefined;
  leftOut?: string | undefined;
  quiet?: boolean | undefined;
  html?: string | undefined;
  pictures?: string | undefined;
}

/** Adds the options of a model to a command. */
export const withModel = (command: Command): Command =>
  withFeatures(command)
    .option("--model <path>", "a VideoCLIP model: its predictions are written to --predictions, then scored")
    .option("--features <folder>", "with --model: features of the videos, one .npy each, a row per second")
    .option(
      "--left-out <file>",
      "with --model: leave out videos without features and write their names here, a list for --except; default: an error",
    )
    .option("--tokenizer <path>", "tokenizer.json or vocab.txt of the model, where its folder has none")
    .option("--threads <n>", "compute threads; default: the cores of this machine", positive)
    .option("--quiet", "no progress")
    .option("--html <file>", "also write a page: figures, curves, best and worst examples")
    .option("--pictures <folder>", "with --html: the videos, for pictures of the examples");

/** Options that select videos of a dataset. */
export interface ListFlags {
  only: string[];
  except: string[];
}

/** Adds the options that select videos to a command. */
export const withLists = (command: Command): Command =>
  command
    .option(
      "--only <list>",
      "only videos of this list (csv with video_id, or a name a line); may be repeated",
      collect,
      [],
    )
    .option("--except <list>", "no videos of this list; may be repeated", collect, []);

export interface RankingFlags {
  ties?: Ties | undefined;
  bootstrap?: number | undefined;
  seed?: number | undefined;
}

/** Adds the option for equal scores. */
export const withTies = (command: Command): Command =>
  command.addOption(
    new Option("--ties <rule>", "equal scores: their mean over all orders, the relevant one first, or as MMPT counts")
      .choices(["expected", "optimistic", "mmpt"])
      .default("expected"),
  );

/** Adds the options for ranking queries. */
export const withRanking = (command: Command): Command =>
  withTies(command)
    .option("--bootstrap <samples>", "95 % intervals by resampling the queries", whole)
    .option("--seed <n>", "of the resampling", whole, 0);

export const rankingOf = ({ ties, bootstrap, seed }: RankingFlags): RankingOptions => ({
  ties,
  bootstrap: bootstrap ? { samples: bootstrap, seed } : undefined,
});
