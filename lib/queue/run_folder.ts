import { randomBytes } from "node:crypto";
import { existsSync, linkSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { InvalidArgumentError, VideoClipError, VideoError } from "../base/errors.js";
import { type ErrorCode } from "../base/error_codes.js";
import { createExclusive, makeFolder, removeIfPossible, writeDurably } from "../base/files.js";
import { readJsonLineAt, readJsonLines } from "../base/json_lines.js";
import { VERSION } from "../base/version.js";
import type { InputItem } from "../features/inputs/input_item.js";
import type { JobData } from "./engine.js";

/** The settings of an extraction that all workers of a run share. */
const OPTIONS = z.object({
  model: z.string(),
  weights: z.string().optional(),
  randomWeights: z.number().optional(),
  output: z.string().optional(),
  preset: z.string().optional(),
  fps: z.number().optional(),
  frames: z.number().optional(),
  stride: z.number().optional(),
  size: z.number().optional(),
  hdr: z.enum(["tonemap", "keep"]).optional(),
  precision: z.enum(["auto", "f32", "bf16x3", "tf32", "bf16", "f16"]).optional(),
  saveDtype: z.enum(["f16", "f32"]).optional(),
  l2: z.boolean().optional(),
  hash: z.boolean().optional(),
  onError: z.enum(["skip", "stop", "fail"]).optional(),
  keepPartial: z.boolean().optional(),
});

export type RunOptions = z.infer<typeof OPTIONS>;

const RUN = z.object({
  version: z.literal(1),
  /** Distinguishes the run from every other one of the server. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  created: z.string(),
  /** Address of the server, without a password. */
  queue: z.string().optional(),
  options: OPTIONS,
});

type RunFile = z.infer<typeof RUN>;

/** A video of a work list, and the name of its feature file. */
export interface ListedVideo {
  path: string;
  file: string;
  /** The address to download, if it has secrets that `path` leaves out. */
  address?: string | undefined;
  /** The reason why it cannot be opened, such as a broken row of a list. */
  error?: { code: ErrorCode; message: string } | undefined;
}

/** A line of a work list: the videos of one job. */
export interface Chunk {
  id: string;
  data: JobData;
  videos: ListedVideo[];
}

const RETRY = "retry.json";
const LIST_NAME = /^list-\d{6}\.jsonl$/;

/**
 * A run: the folder with its results, in which a folder `run` has the settings, the lists of videos and the notes of the
 * workers. The folder says everything about the run; a queue can be filled again from it.
 */
export class RunFolder {
  readonly id: string;
  readonly options: RunOptions;
  readonly queue: string | undefined;
  /** Folder of the settings, lists and notes. */
  readonly notes: string;

  private constructor(
    /** Folder of the results. */
    readonly folder: string,
    file: RunFile,
  ) {
    this.id = file.id;
    this.options = file.options;
    this.queue = file.queue;
    this.notes = join(folder, "run");
  }

  /** Name of the queue on the server. */
  get name(): string {
    return `videoclip-${this.id}`;
  }

  /**
   * Opens a run, or begins it if the folder has none.
   * @throws InvalidArgumentError when the run has other options
   */
  static create(folder: string, options: RunOptions, queue: string | undefined): RunFolder {
    const at = resolve(folder);
    makeFolder(join(at, "run"));
    const file: RunFile = {
      version: 1,
      id: randomBytes(8).toString("hex"),
      created: new Date().toISOString(),
      ...(queue ? { queue } : {}),
      options,
    };
    createWhole(join(at, "run", "run.json"), `${JSON.stringify(file, undefined, 2)}\n`);
    const run = RunFolder.open(at);
    for (const key of Object.keys(OPTIONS.shape) as (keyof RunOptions)[]) {
      const [before, now] = [run.options[key], options[key]].map((value) => JSON.stringify(value));
      if (before === now) continue;
      throw new InvalidArgumentError(
        `${at}: the run has ${key} ${before ?? "unset"}, the command ${now ?? "unset"}: use the same options, or another --run`,
        { argument: key, expected: run.options[key], received: options[key] },
      );
    }
    return run;
  }

  /** The run in a folder, if there is one. @throws VideoClipError `ERR_QUEUE` for a damaged one */
  static find(folder: string): RunFolder | undefined {
    return existsSync(join(resolve(folder), "run", "run.json")) ? RunFolder.open(folder) : undefined;
  }

  /** @throws VideoClipError `ERR_QUEUE` for a folder without a run, or with a damaged one */
  static open(folder: string): RunFolder {
    const at = resolve(folder);
    const path = join(at, "run", "run.json");
    if (!existsSync(path)) {
      throw new VideoClipError("ERR_QUEUE", `${at}: there is no run: begin one with videoclip queue add`, {
        file: path,
      });
    }
    try {
      return new RunFolder(at, RUN.parse(JSON.parse(readFileSync(path, "utf8"))));
    } catch (cause) {
      throw new VideoClipError("ERR_QUEUE", `${path}: it does not describe a run (${(cause as Error).message})`, {
        file: path,
        cause,
      });
    }
  }

  /** Names of the work lists, oldest first. */
  lists(): string[] {
    return readdirSync(this.notes).filter((name) => LIST_NAME.test(name)).sort(); // prettier-ignore
  }

  /** All chunks in the order in which they were added. */
  *chunks(names = this.lists()): Generator<Chunk> {
    for (const list of names) {
      for (const { line, at, bytes, value } of readJsonLines(join(this.notes, list))) {
        if (line === 1) continue; // the folders of the inputs
        yield this.#chunk({ list, at, bytes }, value);
      }
    }
  }

  /** The videos of a job. @throws VideoClipError `ERR_QUEUE` */
  chunk(data: JobData): Chunk {
    if (!LIST_NAME.test(data.list)) throw damaged(data.list, "it is not the name of a list");
    const chunk = this.#chunk(data, this.#line(data));
    if (data.alone === undefined) return chunk;
    return { ...chunk, videos: chunk.videos.filter(({ path }) => path === data.alone) };
  }

  #line(data: JobData): unknown {
    const path = join(this.notes, data.list);
    try {
      return readJsonLineAt(path, data);
    } catch (error) {
      if (error instanceof SyntaxError) return undefined; // `#chunk` says where
      throw damaged(path, (error as Error).message);
    }
  }

  #chunk(data: JobData, value: unknown): Chunk {
    const { videos } = (value ?? {}) as { videos?: unknown };
    if (!Array.isArray(videos)) throw damaged(join(this.notes, data.list), `at byte ${data.at} is no list of videos`);
    return { id: `${data.list.slice("list-".length, -".jsonl".length)}-${data.at}`, data, videos };
  }

  /** Folders that the videos were found in. If one disappears, its videos are not to blame. */
  roots(): string[] {
    const roots = this.lists().flatMap((list) => {
      const [head] = readJsonLines(join(this.notes, list));
      const { roots: some } = (head?.value ?? {}) as { roots?: string[] };
      return Array.isArray(some) ? some : [];
    });
    return [...new Set(roots)];
  }

  /**
   * Writes a new list.
   * @param chunks each the videos of one job
   * @param roots folders that they were found in
   */
  addList(chunks: Iterable<ListedVideo[]>, roots: readonly string[]): string {
    const number = this.lists().length + 1;
    const name = `list-${String(number).padStart(6, "0")}.jsonl`;
    function* lines() {
      yield `${JSON.stringify({ roots })}\n`;
      for (const videos of chunks) yield `${JSON.stringify({ videos })}\n`;
    }
    if (existsSync(join(this.notes, name))) throw damaged(join(this.notes, name), "it exists already");
    writeDurably(join(this.notes, name), lines());
    return name;
  }

  /** When failed videos were last allowed another attempt, as an ISO date; earlier failures do not count. */
  retriedAt(): string {
    try {
      const { at } = JSON.parse(readFileSync(join(this.notes, RETRY), "utf8")) as { at?: unknown };
      return typeof at === "string" ? at : "";
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
      throw damaged(join(this.notes, RETRY), (error as Error).message);
    }
  }

  /** Allows all videos that have failed so far another attempt. */
  retryFailed(): void {
    writeDurably(join(this.notes, RETRY), `${JSON.stringify({ at: new Date().toISOString() })}\n`);
  }

  /**
   * Compares what the features of this worker depend on with the run. The first worker of a run fixes it.
   * @param settings see `settingsOf`
   * @throws VideoClipError `ERR_QUEUE` for the first difference
   */
  checkIdentity(settings: Record<string, unknown>): void {
    const own: Record<string, unknown> = { ...settings, version: VERSION };
    const path = join(this.notes, "identity.json");
    createWhole(path, `${JSON.stringify(own, undefined, 2)}\n`);
    const run = readIdentity(path);
    for (const key of new Set([...Object.keys(run), ...Object.keys(own)])) {
      const [expected, received] = [run[key], own[key]].map((value) => JSON.stringify(value) ?? "none");
      if (expected === received) continue;
      throw new VideoClipError(
        "ERR_QUEUE",
        `${this.folder}: this worker would make other features than the run: its ${key} is ${received}, that of the run ${expected}`,
        { argument: key, expected: run[key], received: own[key] },
      );
    }
  }
}

/** Creates a file unless it exists. Workers that start at the same time never read one that is half written. */
function createWhole(path: string, text: string): void {
  if (existsSync(path)) return;
  const draft = `${path}-${randomBytes(8).toString("hex")}`;
  writeDurably(draft, text);
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") withoutLinks(path, text);
  } finally {
    removeIfPossible(draft);
  }
}

/** {@link createWhole} on a file system that has no links. */
function withoutLinks(path: string, text: string): void {
  try {
    createExclusive(path, text);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function readIdentity(path: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw damaged(path, `it does not describe features (${(error as Error).message}): delete it if no worker runs`);
  }
}

const damaged = (file: string, reason: string): VideoClipError =>
  new VideoClipError("ERR_QUEUE", `${file}: ${reason}`, { file });

/** A video as an input of an extraction. */
export const itemOf = ({ path, address, error }: ListedVideo): InputItem =>
  error ? { path, error: new VideoError(error.code, error.message, { file: path }) } : { path, address };
