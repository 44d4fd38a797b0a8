import { InvalidArgumentError, WeightsError } from "../base/errors.js";
import { type Graph, PARAMETER } from "../graph/trace.js";
import { hashParameter } from "../nn/random_weights.js";
import { openWeights } from "../weights/open_weights.js";
import { loadInto, type ParameterShapes, type ParameterSink } from "../weights/load_into.js";
import { recognisable, type Recognised, recognise } from "../weights/published.js";
import type { KeyMap } from "../weights/rename.js";

/** Parameters of a graph by key, with their shapes. */
export function parametersOf(graph: Graph): Map<string, readonly number[]> {
  const sources = graph.nodes.filter((node) => node.op === PARAMETER);
  return new Map(sources.map((node) => [node.attrs.key as string, node.outputs[0].shape]));
}

/**
 * Factors that keep the signal in range for random weights: gates halve it, the norms before them double it, and
 * residual branches are small.
 */
function randomFactor(key: string): number {
  if (/branch2\.norm_c\.weight$/.test(key)) return 0.25;
  if (/gating(_b\d)?\.fc\.weight$/.test(key)) return 0.25;
  return /(conv_2c\.bn2|conv_b0\.bn1|conv_b[12]_b\.bn2|conv_b3_b\.bn1)\.weight$/.test(key) ? 2 : 1;
}

/**
 * Sets random parameters in a device's store, for trials and tests.
 * @returns `random:SEED`
 */
export function setRandomParameters(store: ParameterSink, shapes: ParameterShapes, seed: number): string {
  const salt = `random/${seed}/`;
  for (const [key, shape] of shapes) store.set(key, shape, hashParameter(salt, key, shape, randomFactor(key)));
  return `random:${seed}`;
}

/** The source of parameters. */
export interface ParameterSource {
  model: string;
  /** Path of a weight file. */
  weights?: string | undefined;
  /** Use random weights instead of a file. */
  randomWeights?: number | undefined;
  /** Keys of the published file that belong to other parts of the model. */
  ignored: RegExp;
  /** Maps the keys of the file to those of the model. Default: by the published layout of the file. */
  rename?: KeyMap | undefined;
  signal?: AbortSignal | undefined;
}

/** What was loaded. */
export interface LoadedParameters {
  /** First 16 hex digits of the SHA-256 of the file, or `random:SEED`. */
  hash: string;
  /** The published layout of the file, if it is a known one. */
  published?: Recognised | undefined;
}

/**
 * Loads the parameters of a video network into a device's store (or another sink).
 * @param needed shapes by key
 * @throws WeightsError with all missing, unexpected and wrong-shaped keys; InvalidArgumentError without a source
 */
export async function loadParameters(
  store: ParameterSink,
  needed: ParameterShapes,
  { model, weights, randomWeights, ignored, rename, signal }: ParameterSource,
): Promise<LoadedParameters> {
  if (randomWeights !== undefined) {
    return { hash: setRandomParameters(store, needed, randomWeights) };
  }
  if (!weights) {
    throw new InvalidArgumentError(
      "weights: expected a weight file (or randomWeights with a seed, to try things out)",
      { argument: "weights" },
    );
  }
  const opened = await openWeights(weights, { signal });
  const file = rename ? opened : { ...opened, tensors: new Map(recognisable(opened.tensors)) };
  try {
    const published = rename ? undefined : recognise(file);
    if (published && !published.models.includes(model)) {
      const received = published.models.join(" or ");
      throw new WeightsError(`${weights} holds ${received} weights (${published.source}), not ${model}`, {
        file: weights,
        expected: model,
        received,
      });
    }
    const options = { shapes: needed, rename: rename ?? published?.rename, ignored, signal };
    const { hash } = await loadInto(store, file, options);
    return { hash, published };
  } finally {
    file.close();
  }
}
