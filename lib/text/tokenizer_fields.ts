import { WeightsError } from "../base/errors.js";
import type { AddedTokenEntry } from "./added_tokens.js";

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value); // prettier-ignore
/** Ids are u32 in the tokenizers library. */
const isId = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32; // prettier-ignore

/** Checks the types of values in a tokenizer's files; errors have the field. */
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
    if (typeof value === "string") return value;
    throw this.fail(field, "a text", value);
  }

  count(field: string, value: unknown): number {
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    throw this.fail(field, "a whole number", value);
  }

  flag(field: string, value: unknown): boolean {
    if (typeof value === "boolean") return value;
    throw this.fail(field, "true or false", value);
  }

  /** Ids by token. */
  vocabulary(field: string, value: unknown): Record<string, number> {
    const vocab = this.object(field, value);
    for (const [token, id] of Object.entries(vocab)) {
      if (!isId(id)) throw this.fail(`${field}: ${JSON.stringify(token).slice(0, 100)}`, "an id", id);
    }
    return vocab as Record<string, number>;
  }

  /** Descriptions of added tokens. */
  added(field: string, value: unknown): AddedTokenEntry[] {
    if (!Array.isArray(value)) throw this.fail(field, "a list", value);
    return value.map((entry, i) => this.addedToken(`${field}[${i}]`, entry));
  }

  addedToken(field: string, value: unknown): AddedTokenEntry {
    const entry = this.object(field, value);
    this.text(`${field}.content`, entry.content);
    for (const name of ["single_word", "lstrip", "rstrip", "normalized", "special"]) {
      if (entry[name] !== undefined) this.flag(`${field}.${name}`, entry[name]);
    }
    return entry as unknown as AddedTokenEntry;
  }
}
