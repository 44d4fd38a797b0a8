import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeDurably } from "../../base/files.js";
import { parseJson } from "../../base/parse_json.js";
import type { FeatureIndex } from "../feature_index.js";
import type { IndexTextEncoder, TextRows } from "../index_text_encoder.js";
import type { IndexFit } from "./fit.js";
import { measureFit } from "./measure_fit.js";
import { levelFor } from "./model_search.js";

/** Beside the files of an index: what unrelated sentences score with it. It can be made again at any time. */
const FILE = "fit.json";
const VERSION = 1;

/** A measurement of an open index with a text encoder, in one of its states. */
interface Measured {
  state: string;
  fit: Promise<IndexFit | undefined>;
  /** What may interrupt it: the signal of the search that began it. */
  signal: AbortSignal | undefined;
}
const measured = new WeakMap<FeatureIndex, WeakMap<TextRows, Measured>>();

/** What the measurement depends on. */
const stateOf = ({ manifest: { id, generation, rows, text } }: FeatureIndex): string =>
  JSON.stringify([VERSION, id, generation, rows, text?.weights ?? null]);

/**
 * What unrelated sentences score with an index: read from its folder, or measured once for its current rows. Nothing is
 * written.
 * @returns undefined where scores cannot be judged, as with an encoder that takes only certain sentences
 * @throws the signal's reason
 */
export async function fitOf(
  index: FeatureIndex,
  text: TextRows,
  signal?: AbortSignal | undefined,
): Promise<IndexFit | undefined> {
  const state = stateOf(index);
  let known = measured.get(index);
  if (!known) measured.set(index, (known = new WeakMap()));
  for (;;) {
    let one = known.get(text);
    if (one?.state !== state) {
      const kept = isOwn(index, text) ? read(index, state) : undefined;
      one = { state, fit: Promise.resolve(kept ?? measure(index, text, signal)), signal };
      known.set(text, one);
    }
    try {
      return await one.fit;
    } catch {
      signal?.throwIfAborted();
      if (!one.signal?.aborted) return undefined;
      // another search began the measurement and was interrupted
      if (known.get(text) === one) known.delete(text);
    }
  }
}

/** Whether a text encoder is the one that an index names, so that what is kept beside the index holds for it. */
function isOwn(index: FeatureIndex, text: TextRows): boolean {
  const { info } = text as Partial<IndexTextEncoder>;
  return info?.kind === index.text?.kind && info?.weights === index.text?.weights;
}

/** Measures an index and keeps the result in its folder, for searches. */
export async function writeFit(index: FeatureIndex, text: TextRows, signal?: AbortSignal | undefined): Promise<void> {
  const state = stateOf(index);
  if (read(index, state)) return;
  const fit = await measure(index, text, signal);
  if (fit) writeDurably(join(index.folder, FILE), `${JSON.stringify({ state, ...fit })}\n`);
}

function measure(index: FeatureIndex, text: TextRows, signal: AbortSignal | undefined) {
  const { search } = text as Partial<IndexTextEncoder>;
  return measureFit(index, text, { level: search && levelFor(search, index.settings.window), signal });
}

/** The kept measurement; undefined if there is none of this state that can be read. */
function read(index: FeatureIndex, state: string): IndexFit | undefined {
  try {
    const found = parseJson(readFileSync(join(index.folder, FILE), "utf8")) as IndexFit & { state: unknown };
    const { mean, sd, level } = found;
    if (found.state !== state || ![mean, sd, level].every(Number.isFinite)) return undefined;
    return { mean, sd, level };
  } catch {
    return undefined;
  }
}
