// The rows of a GPU bench: kept in a file that is written again after every case, so that nothing is lost when the bench is cut off.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Ceilings } from "./cases.js";
import type { Measurement } from "./measure.js";

/** A case: ours, and PyTorch's milliseconds. Each is absent until it is measured. */
export interface Row extends Partial<Measurement> {
  bench: string;
  case: string;
  /** Why there is no measurement of ours. */
  error?: string | undefined;
  torch?: TorchTimes;
}

export interface TorchTimes {
  eager?: number;
  compiled?: number;
  /** Mode of `torch.compile`. */
  mode?: string;
  /** Why a time is missing. */
  error?: string;
}

/** The shares of the rows: `roofline` is the least time by the two ceilings over the measured time. */
interface Share {
  roofline: number;
  bound: "memory" | "arithmetic";
}

export class Results {
  readonly rows: Row[] = [];
  readonly #file: string | undefined;
  #head: Record<string, unknown> = {};

  /** Continues the rows of `file`, if it exists. */
  constructor(file: string | undefined) {
    this.#file = file;
    if (!file || !existsSync(file)) return;
    const { rows, ...head } = JSON.parse(readFileSync(file, "utf8")) as { rows: Row[] };
    this.rows.push(...rows);
    this.#head = head;
  }

  /** Sets fields of the file beside the rows. */
  describe(head: Record<string, unknown>): void {
    Object.assign(this.#head, head, { date: new Date().toISOString().slice(0, 10) });
  }

  /** Merges values into the row of a case, and writes the file. */
  add(bench: string, name: string, values: Partial<Row>): void {
    let row = this.rows.find((other) => other.bench === bench && other.case === name);
    if (!row) {
      row = { bench, case: name };
      this.rows.push(row);
    }
    const torch = values.torch && { ...row.torch, ...values.torch };
    Object.assign(row, values, torch && { torch });
    this.#write();
  }

  #write(): void {
    if (!this.#file) return;
    writeFileSync(`${this.#file}.part`, `${JSON.stringify({ ...this.#head, rows: this.rows }, null, 1)}\n`);
    renameSync(`${this.#file}.part`, this.#file);
  }

  /** Adds the shares of the two ceilings to all rows, if both ceilings are measured. */
  addShares({ copy, matmul }: Ceilings): void {
    const rowOf = (name: string) => this.rows.find((row) => row.bench === "ceiling" && row.case === name);
    const [copied, multiplied] = [rowOf(copy.name), rowOf(matmul.name)];
    if (!copied?.ms || !multiplied?.ms) return;
    const bandwidth = copied.bytes! / copied.ms;
    const arithmetic = multiplied.flops! / Math.min(multiplied.ms, multiplied.torch?.eager ?? Number.POSITIVE_INFINITY);
    for (const row of this.rows as (Row & Partial<Share>)[]) {
      if (!row.ms) continue;
      const [memory, products] = [row.bytes! / bandwidth, row.flops! / arithmetic];
      row.roofline = Math.max(memory, products) / (row.graph_ms ?? row.ms);
      row.bound = memory > products ? "memory" : "arithmetic";
    }
    this.#write();
  }

  print(): void {
    const round = (x: number | undefined, digits = 3) => (x === undefined ? undefined : Number(x.toPrecision(digits)));
    console.table(
      (this.rows as (Row & Partial<Share>)[]).map((row) => ({
        case: row.case,
        ms: row.ms === undefined ? row.error?.slice(0, 40) : round(row.ms, 4),
        "graph ms": row.graph_ms && round(row.graph_ms, 4),
        "TB/s": row.ms && round(row.bytes! / row.ms / 1e9),
        "TFLOP/s": row.ms && round(row.flops! / row.ms / 1e9),
        "of roofline": round(row.roofline),
        "clips/s": row.clips_per_s && Math.round(row.clips_per_s),
        "torch eager": round(row.torch?.eager, 4) ?? row.torch?.error?.slice(0, 40),
        "torch compiled": round(row.torch?.compiled, 4),
      })),
    );
  }
}
