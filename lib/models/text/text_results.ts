import { InvalidArgumentError } from "../../base/errors.js";
import type { Encoding } from "../../text/wordpiece.js";
import type { TextRunOptions, TextRunner } from "./text_runner.js";

/** Softmax in float64. */
export function probabilities(logits: Float32Array): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const e = Float64Array.from(logits, (v) => Math.exp(v - top));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}

/** A candidate for a [MASK] of the text. */
export interface MaskCandidate {
  id: number;
  token: string;
  /** Probability. */
  score: number;
  /** The text with the token at that position; other masks stay. */
  text: string;
}

/** @internal */
export async function fillMasks(
  runner: TextRunner,
  encoding: Encoding,
  text: string,
  options: TextRunOptions & { topK?: number | undefined },
): Promise<MaskCandidate[][]> {
  const { tokenizer } = runner;
  const masks = encoding.ids.flatMap((id, i) => (id === tokenizer.mask ? [i] : []));
  if (masks.length === 0) {
    throw new InvalidArgumentError("text: expected a [MASK] among the tokens that are read", { argument: "text" });
  }
  const [logits] = await runner.run("mlm", [encoding], options, [masks]);
  const width = logits.length / masks.length;
  const parts = text.split("[MASK]");
  return masks.map((_, m) => {
    const scores = probabilities(logits.subarray(m * width, (m + 1) * width));
    const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, options.topK ?? 5);
    return order.map((id) => {
      const before = parts.slice(0, m + 1).join("[MASK]");
      const filled = `${before}${tokenizer.decode([id])}${parts.slice(m + 1).join("[MASK]")}`;
      return { id, token: tokenizer.token(id), score: scores[id], text: filled };
    });
  });
}
