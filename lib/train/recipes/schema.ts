import { z } from "zod";

const positive = z.number().int().positive();
const share = z.number().min(0).lt(1);
const updates = z.number().int().nonnegative();

const groups = z
  .array(
    z.strictObject({
      match: z.string(),
      rate: z.number().nonnegative().optional(),
      weightDecay: z.number().nonnegative().optional(),
      frozen: z.boolean().optional(),
    }),
  )
  .optional();
const common = {
  weightDecay: z.number().nonnegative().optional(),
  groups,
  /** Clip gradients to this norm of all of them. */
  maxNorm: z.number().positive().optional(),
};
const adam = {
  ...common,
  beta1: share.optional(),
  beta2: share.optional(),
  eps: z.number().positive().optional(),
};

const optimizer = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("adam"), ...adam }),
  z.strictObject({ kind: z.literal("adamw"), ...adam }),
  z.strictObject({
    kind: z.literal("sgd"),
    ...common,
    momentum: share.optional(),
    nesterov: z.boolean().optional(),
  }),
]);

const rate = z.number().nonnegative();
const schedule = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("constant"), rate, warmup: updates.optional() }),
  z.strictObject({ kind: z.literal("linear"), rate, warmup: updates.optional(), total: positive }),
  z.strictObject({ kind: z.literal("cosine"), rate, warmup: updates.optional(), total: positive }),
  z.strictObject({
    kind: z.literal("polynomial"),
    rate,
    warmup: updates.optional(),
    total: positive,
    end: rate.optional(),
    power: z.number().positive().optional(),
  }),
  z.strictObject({
    kind: z.literal("noam"),
    hidden: positive,
    warmup: positive,
    factor: z.number().positive().optional(),
  }),
]);

const run = {
  /** Folder of checkpoints and metrics. */
  out: z.string(),
  optimizer,
  schedule,
  /** How long: steps, or passes over the examples. */
  steps: positive.optional(),
  epochs: z.number().positive().optional(),
  /** Examples of a batch. */
  batch: positive,
  accumulate: positive.optional(),
  dropout: share.optional(),
  seed: z.number().int().nonnegative().optional(),
  saveEvery: positive.optional(),
  keep: positive.optional(),
  evaluateEvery: positive.optional(),
  device: z.string().optional(),
  threads: positive.optional(),
  precision: z.enum(["f32", "tf32", "bf16", "f16"]).optional(),
};

/** Fields of a model's configuration are checked by the model. */
const fields = z.record(z.string(), z.unknown());

const model = z.strictObject({
  /** A folder that VideoClip saved, or an MMPT checkpoint, to go on from. */
  load: z.string().optional(),
  preset: z.enum(["videoclip", "videoclip-light"]).optional(),
  config: fields.optional(),
  /** Hugging Face folder of the text model to begin with. */
  textModel: z.string().optional(),
  tokenizer: z.string().optional(),
});

const range = z.tuple([positive, positive]);

/** Clip pairs of packed videos: see SamplerOptions and HardNegatives. */
const packed = {
  /** Folder of `videoclip data pack`. */
  pack: z.string().optional(),
  pairsPerVideo: positive.optional(),
  sampling: z
    .strictObject({
      alignment: z.enum(["overlapped", "exact", "start"]).optional(),
      textTokens: range.optional(),
      videoSeconds: range.optional(),
      textSeconds: positive.optional(),
      quirks: z.array(z.enum(["lengthTo64", "seedAtEnd"])).optional(),
    })
    .optional(),
  retrieval: z
    .union([
      z.literal(false),
      z.strictObject({
        candidates: positive.optional(),
        embedding: z.enum(["clips", "first"]).optional(),
        metric: z.enum(["l2", "dot"]).optional(),
      }),
    ])
    .optional(),
  workers: z.number().int().nonnegative().optional(),
};

/** Long videos, one a step, in windows of what the model takes. */
const longVideos = {
  ...run,
  batch: z.literal(1).optional(),
  model,
  checkpointing: z.boolean().optional(),
};

/** What `videoclip train --config` reads. Paths are relative to the file. */
export const trainConfig = z.discriminatedUnion("task", [
  z.strictObject({
    task: z.literal("contrastive"),
    ...run,
    model,
    /** One of `train`, `captions` and `pack`. */
    data: z.strictObject({
      /** Lines {"features": "file.npy", "text": "..." or [ids]}. */
      train: z.string().optional(),
      /** A pack, each of whose captions is an example with its own seconds. */
      captions: z.string().optional(),
      ...packed,
      /** Held-out pairs: lines as those of `train`, or a pack. */
      validation: z.string().optional(),
    }),
    loss: z
      .strictObject({
        /** VideoCLIP's InfoNCE, one of its directions alone, or CLIP's with cosines and a learned temperature. */
        kind: z.enum(["videoclip", "t2v", "v2t", "clip"]).optional(),
        scale: z.number().positive().optional(),
      })
      .optional(),
    /** Blocks are computed again in the backward pass, in place of being kept. */
    checkpointing: z.boolean().optional(),
    /** Pairs of a batch that are encoded at once, for batches beyond memory. */
    chunk: positive.optional(),
  }),
  z.strictObject({
    task: z.literal("coin"),
    ...longVideos,
    data: z.strictObject({
      /** COIN.json */
      annotations: z.string(),
      features: z.string(),
      /** Default: training. */
      subset: z.string().optional(),
      /** Seconds between two windows; default 8. */
      step: positive.optional(),
    }),
  }),
  z.strictObject({
    task: z.literal("crosstask"),
    ...longVideos,
    data: z.strictObject({
      /** tasks_primary.txt */
      tasks: z.string(),
      /** Folder of {task}_{video}.csv. */
      annotations: z.string(),
      /** Lists whose videos are taken (videos.csv), and those whose videos are not (videos_val.csv). Default: all annotated. */
      videos: z.string().optional(),
      without: z.string().optional(),
      features: z.string(),
      /** Videos of each task, drawn by the seed; the paper takes 30. Default: all. */
      perTask: positive.optional(),
      /** Seconds between two windows; default 16. */
      step: positive.optional(),
    }),
  }),
  z.strictObject({
    task: z.literal("pretraining"),
    ...run,
    model: z.strictObject({
      /** Fields of a Hugging Face config.json, or the path of one. */
      config: z.union([z.string(), fields]),
      tokenizer: z.string(),
    }),
    /** A text file: a sentence a line, an empty line between documents. */
    data: z.strictObject({
      train: z.string(),
      length: positive.optional(),
      rate: z.number().positive().max(1).optional(),
    }),
  }),
]);

export type TrainConfig = z.infer<typeof trainConfig>;
export type ContrastiveConfig = Extract<TrainConfig, { task: "contrastive" }>;
export type CoinConfig = Extract<TrainConfig, { task: "coin" }>;
export type CrossTaskConfig = Extract<TrainConfig, { task: "crosstask" }>;
export type PretrainingConfig = Extract<TrainConfig, { task: "pretraining" }>;
