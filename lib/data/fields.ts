import type { DatasetError } from "../base/errors.js";
import { type Line, lineError } from "./jsonl.js";

/** Typed reads of the fields of one record; every error has file, line, field, expected and received value. */
export class Fields {
  constructor(readonly record: Line<Record<string, unknown>>) {}

  error(field: string, expected: string): DatasetError {
    const { value, file, line } = this.record;
    const received = field in value ? JSON.stringify(value[field])?.slice(0, 60) : "nothing";
    return lineError(file, line, `${field}: expected ${expected}, received ${received}`, {
      key: field,
      expected,
      received,
    });
  }

  /** An error of the record as a whole. */
  problem(reason: string): DatasetError {
    return lineError(this.record.file, this.record.line, reason);
  }

  has(field: string): boolean {
    return this.record.value[field] !== undefined && this.record.value[field] !== null;
  }

  string(field: string): string {
    const value = this.record.value[field];
    if (typeof value !== "string") throw this.error(field, "a string");
    return value;
  }

  number(field: string): number {
    const value = this.record.value[field];
    if (typeof value !== "number" || !Number.isFinite(value)) throw this.error(field, "a number");
    return value;
  }

  integer(field: string): number {
    const value = this.number(field);
    if (!Number.isInteger(value)) throw this.error(field, "an integer");
    return value;
  }

  /** A list of numbers. */
  numbers(field: string): number[] {
    const value = this.record.value[field];
    if (!isNumbers(value)) throw this.error(field, "a list of numbers");
    return value;
  }

  /** A list of lists of at least `width` numbers each. */
  rows(field: string, width: number): number[][] {
    const value = this.record.value[field];
    if (!Array.isArray(value) || !value.every((row) => isNumbers(row) && row.length >= width)) {
      throw this.error(field, `a list of lists of ${width} numbers`);
    }
    return value as number[][];
  }

  strings(field: string): string[] {
    const value = this.record.value[field];
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
      throw this.error(field, "a list of strings");
    }
    return value as string[];
  }
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((v) => typeof v === "number" && Number.isFinite(v));
}
