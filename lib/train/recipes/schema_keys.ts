import { z } from "zod";

// Keys of a run file that all tasks have: optimizer, schedule, length, device.

/** An optional key with its description and, if that is a constant, its default. */
export const optional = <T extends z.ZodType>(type: T, description: string, fallback?: unknown) =>
  type.optional().meta({ description, ...(fallback === undefined ? {} : { default: fallback }) });

export const positive = z.number().int().positive();
/** Text that must not be empty, as `--set out=` would set it. */
export const text = (what: string) => z.string().min(1, what);
export const path = text("a path");
/** A number from 0 to below 1. */
const share = z.number().min(0).lt(1);
const whole = z.number().int().nonnegative();
const nonNegative = z.number().nonnegative();

function isRegularExpression(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}

const groups = z.array(
  z.strictObject({
    match: z
      .string()
      .refine(isRegularExpression, "a regular expression")
      .describe("A regular expression that is searched for in the parameter's key."),
    learningRateFactor: optional(nonNegative, "Factor of the schedule's learning rate.", 1),
    weightDecay: optional(nonNegative, "Weight decay in place of the optimizer's."),
    frozen: optional(z.boolean(), "The parameters are not trained.", false),
  }),
);

const common = {
  weightDecay: optional(
    nonNegative,
    "Weight decay: added to the gradient by adam and sgd, applied to the parameter by adamw.",
    0,
  ),
  groups: optional(
    groups,
    "Settings of the parameters whose keys match; the first group that matches a key applies. Default: none.",
  ),
  maxNorm: optional(
    z.number().positive(),
    "The 2-norm of all gradients together is clipped to this. Default: no clipping.",
  ),
};

const adam = {
  ...common,
  beta1: optional(share, "Decay of the mean of the gradients.", 0.9),
  beta2: optional(share, "Decay of the mean of the squared gradients.", 0.999),
  eps: optional(z.number().positive(), "Added to the denominator.", 1e-8),
};

const optimizer = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("adam").describe("Adam."), ...adam }),
    z.strictObject({ kind: z.literal("adamw").describe("Adam with decoupled weight decay."), ...adam }),
    z.strictObject({
      kind: z.literal("sgd").describe("Gradient descent with momentum."),
      ...common,
      momentum: optional(share, "Momentum, as in torch.optim.SGD without dampening.", 0),
      nesterov: optional(z.boolean(), "Nesterov's momentum.", false),
    }),
  ])
  .describe("The optimizer. Biases and normalisations are decayed too unless a group says otherwise.");

const learningRate = nonNegative.describe("Learning rate after the warm-up.");
const warmup = optional(whole, "Updates over which the learning rate rises linearly from 0.", 0);
const total = optional(
  positive,
  "Updates after which the learning rate has its final value. It may lie beyond the run, as in the paper's recipes. " +
    "Default: the steps of the run.",
);

const schedule = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("constant").describe("The learning rate stays the same."), learningRate, warmup }),
    z.strictObject({ kind: z.literal("linear").describe("A straight line to 0."), learningRate, warmup, total }),
    z.strictObject({ kind: z.literal("cosine").describe("Half a cosine to 0."), learningRate, warmup, total }),
    z.strictObject({
      kind: z
        .literal("polynomial")
        .describe("A polynomial to `end`; with the defaults the straight line of VideoCLIP."),
      learningRate,
      warmup,
      total,
      end: optional(nonNegative, "Learning rate at `total`.", 0),
      power: optional(z.number().positive(), "Exponent of the polynomial; 1 is a straight line.", 1),
    }),
    z.strictObject({
      kind: z.literal("noam").describe("The schedule of the Transformer (Vaswani et al. 2017)."),
      hidden: positive.describe(
        "Width of the model: the learning rate is factor * hidden^-0.5 * min(s^-0.5, s * warmup^-1.5).",
      ),
      warmup: positive.describe("Updates of warm-up."),
      factor: optional(z.number().positive(), "Factor of the learning rate.", 1),
    }),
  ])
  .describe("How the learning rate changes with the number of updates.");

/** Keys of all tasks. */
export const run = {
  $schema: z.string().optional().describe("The JSON schema of this file, for editors: train.schema.json."),
  out: path.describe("Folder of the run: checkpoints, metrics.jsonl, config.json and the best model."),
  optimizer,
  schedule,
  steps: optional(positive, "How long to train, in updates. Either `steps` or `epochs` is required."),
  epochs: optional(z.number().positive(), "How long to train, in passes over the examples."),
  accumulate: optional(positive, "Batches whose gradients are summed for one update.", 1),
  dropout: optional(share, "Probability of dropout on hidden states.", 0),
  seed: optional(
    whole,
    "Seed of everything random: initial parameters, order of the data, draws, dropout. Default: 0; 1 for initial parameters.",
  ),
  saveEvery: optional(positive, "Steps between checkpoints; there is one after the last step too.", 1000),
  keep: optional(positive, "Latest checkpoints that are kept, beside the best one. Each of them is a model too.", 3),
  evaluateEvery: optional(
    positive,
    "Steps between evaluations on `data.validation`, which contrastive runs can have; there is one after the last step too.",
    1000,
  ),
  device: optional(
    z.string().regex(/^(auto|cpu|cuda|cuda:\d+|cuda-emulated)$/, "auto, cpu, cuda or cuda:N"),
    "Where to compute: auto takes a GPU where there is one, cuda:N is the N-th GPU.",
    "auto",
  ),
  threads: optional(
    positive,
    "Compute threads of the CPU; results do not depend on them. Default: the cores of the machine.",
  ),
  precision: optional(
    z.enum(["auto", "f32", "tf32", "bf16", "f16"]),
    "Type of matrix products; parameters stay f32. A CPU has f32 and, where it is faster, bf16; auto takes the faster one.",
    "f32",
  ),
};
