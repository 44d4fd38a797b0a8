import { existsSync } from "node:fs";
import { join } from "node:path";
import { type CrossTask, listCrossTaskAnnotations, readCrossTasks, readCrossTaskVideos } from "./crosstask.js";

/** An annotated video of CrossTask: its task and its file `{task}_{video}.csv`. */
export interface CrossTaskAnnotation {
  task: CrossTask;
  video: string;
  file: string;
}

/** Which videos of a release are meant. */
export interface CrossTaskSelection {
  /** Files with the tasks: tasks_primary.txt, tasks_related.txt. */
  tasks: readonly string[];
  /** Folder of `{task}_{video}.csv`. */
  annotations: string;
  /** Only videos of this list (videos.csv). */
  videos?: string | undefined;
  /** No videos of this list (videos_val.csv, or the trained_videos.csv of a fine-tuned model). */
  without?: string | undefined;
  /** Called with the file of a video whose task is in none of `tasks`: it is left out. */
  onUnlisted?: ((file: string) => void) | undefined;
}

/** The files with tasks that a folder of the release has. */
export const crossTaskFiles = (folder: string): string[] =>
  ["tasks_primary.txt", "tasks_related.txt"].map((name) => join(folder, name)).filter((file) => existsSync(file));

/** The annotated videos that a selection means, in the order of their files. @throws DatasetError for a file that is broken */
export async function selectCrossTaskVideos({
  tasks: files,
  annotations,
  videos,
  without,
  onUnlisted,
}: CrossTaskSelection): Promise<CrossTaskAnnotation[]> {
  const tasks = new Map((await Promise.all(files.map(readCrossTasks))).flat().map((task) => [task.id, task]));
  const [wanted, unwanted] = [await keysOf(videos), await keysOf(without)];
  const selected: CrossTaskAnnotation[] = [];
  for (const { task: id, video, file } of await listCrossTaskAnnotations(annotations)) {
    const task = tasks.get(id);
    const key = keyOf(id, video);
    if (!task) onUnlisted?.(file);
    else if ((!wanted || wanted.has(key)) && !unwanted?.has(key)) selected.push({ task, video, file });
  }
  return selected;
}

/** A video may belong to several tasks: what identifies its annotation, as in the name of its file. */
export const keyOf = (task: string, video: string): string => `${task}_${video}`;

async function keysOf(list: string | undefined): Promise<Set<string> | undefined> {
  if (list === undefined) return undefined;
  return new Set((await readCrossTaskVideos(list)).map(({ task, video }) => keyOf(task, video)));
}
