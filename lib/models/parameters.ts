import { InvalidArgumentError, WeightsError } from "../errors.js";
import type { ParameterStore } from "../graph/parameter_store.js";
import { type Graph, PARAMETER } from "../graph/trace.js";
import { hashParameter } from "../nn/random_weights.js";
import { openWeights } from "../weights/index.js";
import { kyleminToTorchvision, recognise } from "../weights/published.js";
import { type StoredTensor, toFloat32 } from "../weights/tensor.js";

/** Published shapes by key. */
export type ParameterShapes = Map<string, readonly number[]>;

/** Parameters of a graph by key. */
export function parametersOf(graph: Graph): ParameterShapes {
  const sources = graph.nodes.filter((node) => node.op === PARAMETER);
  return new Map(sources.map((node) => [node.attrs.key as string, node.outputs[0].shape]));
}

/** Compares a file's tensors with what the model needs; throws one error that lists every difference. @internal */
export function checkKeys(
  file: string,
  needed: ParameterShapes,
  tensors: Map<string, StoredTensor>,
  ignored: RegExp,
): void {
  const missing = [...needed.keys()].filter((key) => !tensors.has(key));
  const wrong = [...needed].flatMap(([key, shape]) => {
    const found = tensors.get(key);
    return found && found.shape.join() !== shape.join()
      ? [`${key} (expected [${shape.join(", ")}], found [${found.shape.join(", ")}])`]
      : [];
  });
  const unexpected = [...tensors.keys()].filter((key) => !needed.has(key) && !ignored.test(key));
  const lists = [
    ["missing", missing],
    ["of the wrong shape", wrong],
    ["unexpected", unexpected],
  ] as const;
  if (missing.length + wrong.length + unexpected.length === 0) return;
  const text = lists
    .filter(([, list]) => list.length > 0)
    .map(([label, list]) => `${list.length} ${label}: ${list.slice(0, 8).join(", ")}${list.length > 8 ? ", ..." : ""}`);
  throw new WeightsError(`${file} does not fit the model; ${text.join("; ")}`, {
    file,
    expected: missing,
    received: unexpected,
  });
}

/** Random weights keep the signal in range: gates halve it, the norms before them double it; residual branches are small. */
function randomFactor(key: string): number {
  if (/branch2\.norm_c\.weight$/.test(key)) return 0.25;
  if (/gating(_b\d)?\.fc\.weight$/.test(key)) return 0.25;
  return /(conv_2c\.bn2|conv_b0\.bn1|conv_b[12]_b\.bn2|conv_b3_b\.bn1)\.weight$/.test(key) ? 2 : 1;
}

/**
 * Puts generated parameters into a device's store, for trying things out and for tests.
 * @returns `random:SEED`
 */
export function setRandomParameters(store: Pick<ParameterStore, "set">, shapes: ParameterShapes, seed: number): string {
  const salt = `random/${seed}/`;
  for (const [key, shape] of shapes) store.set(key, shape, hashParameter(salt, key, shape, randomFactor(key)));
  return `random:${seed}`;
}

/** Where parameters come from and what else may be in that file. */
export interface ParameterSource {
  model: string;
  /** Path of a weight file. */
  weights?: string | undefined;
  /** Use generated weights instead of a file. */
  randomWeights?: number | undefined;
  /** Keys of the published file that belong to other parts of the model. */
  ignored: RegExp;
}

/**
 * Puts the parameters that a graph needs into a device's store (or anything that takes them).
 * @param needed shapes by key, or a function that gives them for a published source (undefined: none was recognised)
 * @returns first 16 hex digits of the SHA-256 of the file, or `random:SEED`
 * @throws WeightsError with all missing, unexpected and wrong-shaped keys; InvalidArgumentError without any source
 */
export async function loadParameters(
  store: Pick<ParameterStore, "set">,
  needed: ParameterShapes | ((source: string | undefined) => ParameterShapes),
  { model, weights, randomWeights, ignored }: ParameterSource,
): Promise<string> {
  if (randomWeights !== undefined) {
    return setRandomParameters(store, typeof needed === "function" ? needed(undefined) : needed, randomWeights);
  }
  if (!weights) {
    throw new InvalidArgumentError(
      "weights: expected a weight file (or randomWeights with a seed, to try things out)",
      { argument: "weights" },
    );
  }
  const file = await openWeights(weights);
  try {
    const known = recognise(file);
    if (known && !known.models.includes(model)) {
      const received = known.models.join(" or ");
      throw new WeightsError(`${weights} holds ${received} weights (${known.source}), not ${model}`, {
        file: weights,
        expected: model,
        received,
      });
    }
    const tensors = known?.source === "kylemin" ? kyleminToTorchvision(file.tensors) : file.tensors;
    const shapes = typeof needed === "function" ? needed(known?.source) : needed;
    checkKeys(weights, shapes, tensors, ignored);
    for (const [key, shape] of shapes) store.set(key, shape, toFloat32(tensors.get(key)!));
    return file.sha256.slice(0, 16);
  } finally {
    file.close();
  }
}
