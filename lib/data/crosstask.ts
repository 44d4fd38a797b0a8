import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatasetError } from "../base/errors.js";
import { lineError, readLines } from "./jsonl.js";
import { fileError } from "./json_file.js";
import { readTable } from "./table.js";

/** A task of CrossTask (Zhukov et al. 2019): an ordered list of steps. */
export interface CrossTask {
  id: string;
  title: string;
  steps: string[];
}

/** A step at a time: steps from 1 as in the files; seconds. */
export interface CrossTaskStep {
  step: number;
  start: number;
  end: number;
}

/** Reads tasks_primary.txt or tasks_related.txt: blocks of id, title, url, number of steps, steps by commas. */
export async function readCrossTasks(file: string): Promise<CrossTask[]> {
  const tasks: CrossTask[] = [];
  let block: { value: string; line: number }[] = [];
  for await (const { value, line } of readLines(file)) {
    block.push({ value: value.trim(), line });
    if (block.length < 5) continue;
    const [id, title, , count, steps] = block.map((item) => item.value);
    const names = steps.split(",").map((name) => name.trim());
    if (names.length !== Number(count)) {
      throw lineError(file, line, `task ${id}: expected ${count} steps, received ${names.length}`);
    }
    tasks.push({ id, title, steps: names });
    block = [];
  }
  if (block.length > 0) {
    throw lineError(file, block[0].line, "expected blocks of five lines: id, title, url, number of steps, steps");
  }
  return tasks;
}

/** Reads videos.csv or videos_val.csv: task, video, url, without a header. */
export async function readCrossTaskVideos(file: string): Promise<{ task: string; video: string; url: string }[]> {
  const videos: { task: string; video: string; url: string }[] = [];
  for await (const { value } of readTable(file, { columns: ["task", "video", "url"] })) {
    videos.push(value as { task: string; video: string; url: string });
  }
  return videos;
}

/** Reads annotations/{task}_{video}.csv: step, start, end, without a header. */
export async function readCrossTaskSteps(file: string): Promise<CrossTaskStep[]> {
  const steps: CrossTaskStep[] = [];
  for await (const { value, line } of readTable(file, { columns: ["step", "start", "end"] })) {
    const [step, start, end] = [value.step, value.start, value.end].map(Number);
    if (!Number.isInteger(step) || step < 1 || !(start >= 0) || !(end >= start)) {
      throw lineError(file, line, `expected step, start, end, received ${Object.values(value).join(",")}`);
    }
    steps.push({ step, start, end });
  }
  return steps;
}

/** All annotated videos of a folder: `{task}_{video}.csv`. */
export async function listCrossTaskAnnotations(
  folder: string,
): Promise<{ task: string; video: string; file: string }[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    throw new DatasetError("ERR_DATASET", `${folder}: cannot be read: ${(cause as Error).message}`, {
      file: folder,
      cause,
    });
  }
  const files = names.filter((name) => name.endsWith(".csv")).sort();
  if (files.length === 0) throw fileError(folder, "", "no {task}_{video}.csv in it");
  return files.map((name) => {
    const at = name.indexOf("_");
    if (at < 1) throw fileError(join(folder, name), "", "expected a name {task}_{video}.csv");
    return { task: name.slice(0, at), video: name.slice(at + 1, -4), file: join(folder, name) };
  });
}
