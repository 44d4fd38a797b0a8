import { existsSync } from "node:fs";
import { join } from "node:path";
import { type CrossTask, listCrossTaskAnnotations, readCrossTasks, readCrossTaskVideos } from "./crosstask.js";

/** An annotated video of CrossTask: its task and its file `{task}_{video}.csv`. */
export interface CrossTaskAnnotation {
  task: CrossTask;
  video: string;
  file: string;
}

/** A selection of the videos of a release. */
export interface CrossTaskSelection {
  /** Files with the tasks: tasks_primary.txt, tasks_related.txt. */
  tasks: readonly string[];
  /** Folder of `{task}_{video}.csv`. */
  annotations: string;
  /** Only videos of this list (videos.csv). */
  videos?: string | undefined;
  /** No videos of this list (videos_val.csv, or the trained_videos.csv of a fine-tuned model). */
  without?: string | undefined;
  /** Called with the file of a video whose task is in none of `tasks`, which is left out. */
  onUnlisted?: ((file: string) => void) | undefined;
}

/** The task files that exist in a folder of the release. */
export const crossTaskFiles = (folder: string): string[] =>
  ["tasks_primary.txt", "tasks_related.txt"].map((name) => join(folder, name)).filter((file) => existsSync(file));

/** The annotated videos of a selection, in the order of their files. @throws DatasetError for a broken file */
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

/** The key of an annotation, as in its file name. A video may belong to several tasks. */
export const keyOf = (task: string, video: string): string => `${task}_${video}`;

async function keysOf(list: string | undefined): Promise<Set<string> | undefined> {
  if (list === undefined) return undefined;
  return new Set((await readCrossTaskVideos(list)).map(({ task, video }) => keyOf(task, video)));
}
