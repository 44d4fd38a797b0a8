import { readFileSync } from "node:fs";
import { InvalidArgumentError, WeightsError } from "../../base/errors.js";
import type { UnaryKind } from "../../ops/index.js";

/** The shape of a BERT or MobileBERT. */
export interface TextConfig {
  family: "bert" | "mobilebert";
  vocabulary: number;
  hidden: number;
  layers: number;
  heads: number;
  intermediate: number;
  activation: UnaryKind;
  maxPositions: number;
  typeVocabulary: number;
  /** Added to variances. */
  eps: number;
  /** Whether the MLM decoder is the table of word embeddings. */
  tied: boolean;
  /** Names of the classes, by index. */
  labels: readonly string[];
  /** Whether classes are independent (sigmoid) instead of exclusive (softmax). */
  multiLabel: boolean;
  /** Hugging Face's class, such as `BertForTokenClassification`. */
  architecture: string;
  /** Width of word embeddings (BERT: `hidden`). */
  embedding: number;
  /** Width inside a layer (BERT: `hidden`). */
  inner: number;
  /** MobileBERT: whether the neighbours of a word are embedded with it. */
  trigram: boolean;
  /**
   * MobileBERT: the inputs that go through a bottleneck before the attention. `shared`: the residual, and queries and
   * keys by a second layer (as published); `all`: everything by the residual's layer; `plain`: the residual alone;
   * `none`: no bottleneck.
   */
  bottleneck: "none" | "plain" | "shared" | "all";
  /** MobileBERT: feed-forward blocks of a layer. */
  feedForwards: number;
  /** MobileBERT: NoNorm instead of LayerNorm. */
  noNorm: boolean;
  /** Whether the pooler has a dense layer and tanh. */
  poolerDense: boolean;
}

const ACTIVATIONS: Record<string, UnaryKind> = {
  gelu: "gelu",
  gelu_new: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  relu: "relu",
  silu: "swish",
  swish: "swish",
  tanh: "tanh",
  sigmoid: "sigmoid",
};

/** Fields of a Hugging Face `config.json`. */
export type HuggingFaceConfig = Record<string, unknown>;

const BERT = { hidden_size: 768, num_hidden_layers: 12, num_attention_heads: 12, intermediate_size: 3072 };
const MOBILEBERT = { hidden_size: 512, num_hidden_layers: 24, num_attention_heads: 4, intermediate_size: 512 };

/**
 * The configuration of a text encoder from Hugging Face's fields; absent fields have its defaults.
 * @throws InvalidArgumentError for fields with values that are not supported
 */
export function textConfig(fields: HuggingFaceConfig): TextConfig {
  const family = fields.model_type;
  const refuse = (name: string, expected: string, received: unknown): never => {
    throw new InvalidArgumentError(`config: ${name}: expected ${expected}, received ${received}`, {
      argument: name,
      expected,
      received,
    });
  };
  if (family !== "bert" && family !== "mobilebert") return refuse("model_type", "bert or mobilebert", family);
  const mobile = family === "mobilebert";
  const defaults: HuggingFaceConfig = mobile ? MOBILEBERT : BERT;
  const integer = (name: string, otherwise = defaults[name]): number => {
    const value = fields[name] ?? otherwise;
    return Number.isInteger(value) && (value as number) > 0
      ? (value as number)
      : refuse(name, "a positive integer", value);
  };
  const flag = (name: string, otherwise: boolean) => (fields[name] ?? otherwise) === true;
  const hidden = integer("hidden_size");
  const position = fields.position_embedding_type ?? "absolute";
  if (position !== "absolute") refuse("position_embedding_type", "absolute", position);
  if (flag("is_decoder", false)) refuse("is_decoder", "false", true);
  const action = String(fields.hidden_act ?? (mobile ? "relu" : "gelu"));
  const bottleneck = !mobile || !flag("use_bottleneck", true) ? "none" : bottleneckOf(flag);
  const inner = bottleneck === "none" ? hidden : integer("intra_bottleneck_size", 128);
  const heads = integer("num_attention_heads");
  if (inner % heads) refuse("num_attention_heads", `a divisor of ${inner}`, heads);
  const names = Object.entries((fields.id2label ?? { 0: "LABEL_0", 1: "LABEL_1" }) as Record<string, string>);
  return {
    family,
    vocabulary: integer("vocab_size", 30522),
    hidden,
    layers: integer("num_hidden_layers"),
    heads,
    intermediate: integer("intermediate_size"),
    activation: ACTIVATIONS[action] ?? refuse("hidden_act", Object.keys(ACTIVATIONS).join(", "), action),
    maxPositions: integer("max_position_embeddings", 512),
    typeVocabulary: integer("type_vocab_size", 2),
    eps: Number(fields.layer_norm_eps ?? 1e-12),
    tied: flag("tie_word_embeddings", true),
    labels: names.sort(([a], [b]) => Number(a) - Number(b)).map(([, label]) => label),
    multiLabel: fields.problem_type === "multi_label_classification" || names.length === 1,
    architecture: String((fields.architectures as string[] | undefined)?.[0] ?? ""),
    embedding: mobile ? integer("embedding_size", 128) : hidden,
    inner,
    trigram: mobile && flag("trigram_input", true),
    bottleneck,
    feedForwards: mobile ? integer("num_feedforward_networks", 4) : 1,
    noNorm: mobile && (fields.normalization_type ?? "no_norm") === "no_norm",
    poolerDense: !mobile || flag("classifier_activation", true),
  };
}

function bottleneckOf(flag: (name: string, otherwise: boolean) => boolean): TextConfig["bottleneck"] {
  if (flag("use_bottleneck_attention", false)) return "all";
  return flag("key_query_shared_bottleneck", true) ? "shared" : "plain";
}

/** The fields of a Hugging Face `config.json`. @throws WeightsError when it is missing or not JSON */
export function readTextFields(path: string): HuggingFaceConfig {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as HuggingFaceConfig;
  } catch (cause) {
    throw new WeightsError(`${path}: expected a config.json of Hugging Face (${(cause as Error).message})`, {
      file: path,
      cause,
    });
  }
}
