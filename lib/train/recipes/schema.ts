import { z } from "zod";
import { SAMPLER_QUIRKS } from "../../data/sampler.js";
import { optional, path, positive, run, text } from "./schema_keys.js";

const batch = positive.describe("Examples of a batch.");
const checkpointing = optional(
  z.boolean(),
  "Activation checkpointing: blocks are computed again in the backward pass. Less memory, about a third more time.",
  false,
);

/** Fields of a model's configuration, which the model checks. */
const fields = z.record(z.string(), z.unknown());

const model = z
  .strictObject({
    load: optional(
      path,
      "A folder that VideoClip.save or a run wrote, or an MMPT checkpoint, to start from. Not beside `preset` and `textModel`.",
    ),
    preset: optional(
      z.enum(["videoclip", "videoclip-light"]),
      "Architecture of a new model: the released one, or X3D-S features and MobileBERT.",
      "videoclip",
    ),
    config: optional(fields, "Fields of the model's configuration (VideoClipConfig) that replace the preset's or the loaded ones."), // prettier-ignore
    textModel: optional(
      path,
      "Hugging Face folder of the text model that a new model starts from. Default: random values.",
    ),
    tokenizer: optional(
      path,
      "Path of a tokenizer.json, a vocab.txt or a folder with one. Default: that of the model's folder.",
    ),
  })
  .describe("The model to train: one to start from, or the architecture of a new one.");

const range = z.tuple([positive, positive]);

const sampling = z.strictObject({
  alignment: optional(
    z.enum(["overlapped", "exact", "fixed", "start"]),
    "How the two clips of a pair lie: overlapping; with the same start and end; so and with texts as long as possible; so and " +
      "from the first caption on.",
    "overlapped",
  ),
  textTokens: optional(range, "Fewest and most word pieces of a text. Default: 8 to what the model takes (61)."),
  videoSeconds: optional(range, "Fewest and most seconds of a video clip. Default: 3 to what the model takes (32)."),
  textSeconds: optional(positive, "Longest text clip in seconds.", 256),
  quirks: optional(
    z.array(z.enum(SAMPLER_QUIRKS)),
    "Departures of the original code from the paper that are reproduced.",
    [],
  ),
});

const retrieval = z.union([
  z.literal(false),
  z.strictObject({
    candidates: optional(
      positive,
      "Nearest videos that a batch of k videos is drawn from. Default: 2k; k is the paper's ablation.",
    ),
    embedding: optional(
      z.enum(["clips", "exact", "first"]),
      "What a video is embedded by: the clips drawn in the epoch, clips that are aligned exactly (as the original code has it), " +
        "or its first seconds.",
      "clips",
    ),
    metric: optional(z.enum(["l2", "dot"]), "Distance of two videos.", "l2"),
  }),
]);

const contrastiveData = z
  .strictObject({
    train: optional(
      path,
      'File of lines {"features": "file.npy", "text": "..." or [ids]}, or {"video": name, ...} with `data.features`; ' +
        "`start` and `end` select seconds.",
    ),
    captions: optional(path, "Folder of `videoclip data pack`: every caption with its own seconds is an example."),
    pack: optional(path, "Folder of `videoclip data pack`: overlapping clip pairs are drawn from its videos."),
    features: optional(path, "Folder with the features of the videos that lines of `train` and `validation` name."),
    pairsPerVideo: optional(positive, "With `pack`: pairs that a batch has of each of its videos.", 16),
    sampling: optional(sampling, "With `pack`: how clip pairs are drawn."),
    retrieval: optional(
      retrieval,
      "With `pack`: batches of videos that are hard to tell apart (the paper's); false draws them at random. Default: {}.",
    ),
    workers: optional(
      z.number().int().nonnegative(),
      "With `pack`: threads that read and draw; results do not depend on them.",
      0,
    ),
    validation: optional(
      path,
      "Held-out pairs to evaluate retrieval on: a file of lines as in `train`, or a pack. Default: no evaluation.",
    ),
  })
  .describe("The examples: one of `train`, `captions` and `pack`.");

const loss = z.strictObject({
  kind: optional(
    z.enum(["videoclip", "t2v", "v2t", "clip"]),
    "VideoCLIP's symmetric InfoNCE, one of its directions, or CLIP's with cosines and a learned temperature.",
    "videoclip",
  ),
  scale: optional(z.number().positive(), "Factor of the scores.", 1),
});

/** Keys for long videos: one video per step, in windows of the model's length. */
const longVideos = {
  ...run,
  batch: optional(z.literal(1), "One video is a batch; use `accumulate` for more.", 1),
  model,
  checkpointing,
};
const features = path.describe("Folder with the features of the videos, one .npy each.");

/**
 * The schema of a run file of `videoclip train --config`. Paths are relative to the file. Every key has a description,
 * from which the JSON schema and the table of docs/training.md are generated.
 */
export const trainConfig = z.discriminatedUnion("task", [
  z.strictObject({
    task: z.literal("contrastive").describe("Videos and texts that belong together: pre-training and retrieval."),
    ...run,
    batch,
    model,
    data: contrastiveData,
    loss: optional(loss, "The contrastive loss."),
    metric: optional(
      z.enum(["R@1", "R@5", "R@10", "medianRank", "meanRank", "loss"]),
      "The result on `data.validation` by which the best checkpoint is found, which becomes `model/`. Of ranks and the loss " +
        "a lower value is better.",
      "R@1",
    ),
    patience: optional(
      positive,
      "Ends the run after this number of evaluations in a row without a better value of `metric`. Default: it runs to the " +
        "last step.",
    ),
    checkpointing,
    chunk: optional(
      positive,
      "Pairs of a batch that are encoded at once, for batches beyond memory; the loss is that of the whole batch. " +
        "Default: the whole batch.",
    ),
  }),
  z.strictObject({
    task: z.literal("coin").describe("Step segmentation of COIN: a class for every second."),
    ...longVideos,
    data: z
      .strictObject({
        annotations: path.describe("The file COIN.json."),
        features,
        subset: optional(text("the name of a subset"), "Videos that are trained on.", "training"),
        step: optional(positive, "Seconds between the starts of two windows of a video.", 8),
      })
      .describe("COIN's annotations and features."),
  }),
  z.strictObject({
    task: z.literal("crosstask").describe("Step localisation of CrossTask: where the named steps of a task are."),
    ...longVideos,
    data: z
      .strictObject({
        tasks: path.describe("The file tasks_primary.txt."),
        annotations: path.describe("Folder of {task}_{video}.csv."),
        videos: optional(path, "List of the videos that are used (videos.csv). Default: all annotated ones."),
        without: optional(path, "List of videos that are not used (videos_val.csv)."),
        features,
        perTask: optional(positive, "Videos of each task that are drawn; the paper takes 30. Default: all."),
        draw: optional(
          z.enum(["seed", "mmpt"]),
          "How they are drawn: by the seed of the run, or as fairseq's MMPT draws them, from `videos` and 30 a task unless " +
            "`perTask` says otherwise. `videoclip eval crosstask --split mmpt` takes the others.",
          "seed",
        ),
        step: optional(positive, "Seconds between the starts of two windows of a video.", 16),
      })
      .describe("CrossTask's annotations and features."),
  }),
  z.strictObject({
    task: z
      .literal("pretraining")
      .describe("Masked language model and next sentence of BERT or MobileBERT, from text."),
    ...run,
    batch,
    model: z
      .strictObject({
        config: z.union([path, fields]).describe("Fields of a Hugging Face config.json, or the path of one."),
        tokenizer: path.describe("Path of a tokenizer.json, a vocab.txt or a folder with one."),
      })
      .describe("The text model to train from random values."),
    data: z
      .strictObject({
        train: path.describe("A text file: a sentence a line, an empty line between documents."),
        length: optional(positive, "Tokens of a row, [CLS] and [SEP] included. Default: 128, or what the model takes."),
        rate: optional(z.number().positive().max(1), "Share of the tokens that are masked.", 0.15),
      })
      .describe("The text."),
  }),
]);

export type TrainConfig = z.infer<typeof trainConfig>;
export type ContrastiveConfig = Extract<TrainConfig, { task: "contrastive" }>;
export type CoinConfig = Extract<TrainConfig, { task: "coin" }>;
export type CrossTaskConfig = Extract<TrainConfig, { task: "crosstask" }>;
export type PretrainingConfig = Extract<TrainConfig, { task: "pretraining" }>;
