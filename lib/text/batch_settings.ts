import type { TokenizerFields } from "./tokenizer_fields.js";

const STRATEGIES = ["LongestFirst", "OnlyFirst", "OnlySecond"];

/**
 * Checks `truncation` of a `tokenizer.json`. Its length and strategy are defaults for calls of the tokenizers library; here as in
 * `BertTokenizerFast` each call says its own. Texts are shortened at their ends only.
 * @throws WeightsError for a truncation on the left, or a value that the tokenizers library refuses
 */
export function checkTruncation(fields: TokenizerFields, value: unknown): void {
  if (value === undefined || value === null) return;
  const { direction, max_length, strategy, stride } = fields.object("truncation", value);
  if (direction !== undefined && direction !== "Right") throw fields.fail("truncation.direction", "Right", direction);
  fields.count("truncation.max_length", max_length);
  fields.count("truncation.stride", stride);
  if (!STRATEGIES.includes(strategy as string)) {
    throw fields.fail("truncation.strategy", STRATEGIES.join(", "), strategy);
  }
}

/**
 * Checks `padding` of a `tokenizer.json`. How long rows become is for each call to say, as in `BertTokenizerFast`, and masks tell padding
 * from tokens. Rows are padded at their ends, with [PAD] of type 0.
 * @param pad id of [PAD]
 * @throws WeightsError for padding on the left, by another token, or a value that the tokenizers library refuses
 */
export function checkPadding(fields: TokenizerFields, value: unknown, pad: number): void {
  if (value === undefined || value === null) return;
  const { strategy, direction, pad_to_multiple_of, pad_id, pad_type_id, pad_token } = fields.object("padding", value);
  if (direction !== "Right") throw fields.fail("padding.direction", "Right", direction);
  if (pad_id !== pad) throw fields.fail("padding.pad_id", `${pad}, the id of [PAD]`, pad_id);
  if (pad_type_id !== 0) throw fields.fail("padding.pad_type_id", "0", pad_type_id);
  if (pad_token !== "[PAD]") throw fields.fail("padding.pad_token", "[PAD]", pad_token);
  if (pad_to_multiple_of !== undefined && pad_to_multiple_of !== null)
    fields.count("padding.pad_to_multiple_of", pad_to_multiple_of);
  if (strategy === "BatchLongest") return;
  fields.count("padding.strategy.Fixed", fields.object("padding.strategy", strategy).Fixed);
}
