import { WeightsError } from "../base/errors.js";
import { isWellFormed } from "../base/text_encoding.js";
import type { AddedTokenEntry } from "./added_tokens.js";

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value); // prettier-ignore
/** Ids are u32 in the tokenizers library. */
const isId = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32; // prettier-ignore

const ADDED_FLAGS = ["single_word", "lstrip", "rstrip", "normalized", "special"] as const;

/** Values of a tokenizer's files as what they must be; other ones are refused with the name of their field. */
export class TokenizerFields {
  constructor(readonly path: string) {}

  fail(field: string, expected: string, received: unknown): WeightsError {
    const shown = typeof received === "string" ? received : (JSON.stringify(received) ?? "none");
    return new WeightsError(`${this.path}: ${field}: expected ${expected}, received ${shown.slice(0, 100)}`, {
      file: this.path,
      expected,
      received,
    });
  }

  object(field: string, value: unknown): Fields {
    if (isObject(value)) return value;
    throw this.fail(field, "an object", value);
  }

  text(field: string, value: unknown): string {
    if (typeof value !== "string") throw this.fail(field, "a text", value);
    if (!isWellFormed(value)) throw this.fail(field, "a text without half of a surrogate pair", JSON.stringify(value));
    return value;
  }

  count(field: string, value: unknown): number {
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    throw this.fail(field, "a whole number", value);
  }

  flag(field: string, value: unknown): boolean {
    if (typeof value === "boolean") return value;
    throw this.fail(field, "true or false", value);
  }

  /** Ids by token, each of one token alone. */
  vocabulary(field: string, value: unknown): Record<string, number> {
    const vocab = this.object(field, value);
    const ids = new Set<number>();
    for (const [token, id] of Object.entries(vocab)) {
      const place = `${field}: ${JSON.stringify(token).slice(0, 100)}`;
      if (!isId(id)) throw this.fail(place, "an id", id);
      this.text(place, token);
      if (ids.has(id)) throw this.fail(place, "an id that no other token has", id);
      ids.add(id);
    }
    return vocab as Record<string, number>;
  }

  /** Descriptions of added tokens with all their fields, as the tokenizers library asks for them. */
  added(field: string, value: unknown): AddedTokenEntry[] {
    if (!Array.isArray(value)) throw this.fail(field, "a list", value);
    return value.map((one, i) => {
      const entry = this.addedToken(`${field}[${i}]`, one);
      const { id } = one as { id?: unknown };
      if (!isId(id)) throw this.fail(`${field}[${i}].id`, "an id", id);
      for (const name of ADDED_FLAGS) this.flag(`${field}[${i}].${name}`, entry[name]);
      return entry;
    });
  }

  /** A description of an added token, in which flags may be left out. */
  addedToken(field: string, value: unknown): AddedTokenEntry {
    const entry = this.object(field, value);
    this.text(`${field}.content`, entry.content);
    for (const name of ADDED_FLAGS) {
      if (entry[name] !== undefined) this.flag(`${field}.${name}`, entry[name]);
    }
    return entry as unknown as AddedTokenEntry;
  }
}
