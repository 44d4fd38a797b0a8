// Small stand-ins for files that documents name and tests do not download: published weights, datasets, videos. Each is
// made once, when the first document names it.
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { makeDatasets, makeFeatures } from "../../scripts/make_datasets.mjs";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { features, gloVe, s3dWordList, textModel, videoClip, videoWeights, wordPieces } from "./stand_in_weights.js";

/** Writes a file or a folder at `path`. */
type Maker = (path: string, standIns: StandIns) => void | Promise<void>;

const video =
  (seed: number): Maker =>
  (path) =>
    makeVideo(path, { seed, seconds: 3 });

/** Makers by the last name of the path; names of folders end with `/`. */
const MAKERS: [RegExp, Maker][] = [
  [/^s3d_howto100m\.pth$/, (path) => videoWeights(path, "s3dg")],
  [/^(s3d-d76dad2f\.pth|S3D_kinetics400\.pt)$/, (path) => videoWeights(path, "s3d")],
  [/^x3d_(xs|s|m|l)\.pyth$/i, (path) => videoWeights(path, basename(path, ".pyth").toLowerCase().replace("_", "-"))],
  [/^s3d_dict\.npy$/, s3dWordList],
  [/^bert-base-uncased\/?$/, (path) => textModel(path, "bert")],
  [/^mobilebert-uncased\/?$/, (path) => textModel(path, "mobilebert")],
  [/^vocab\.txt$/, (path) => writeFileSync(path, wordPieces())],
  [/^videoclip\/$/, async (path, standIns) => videoClip(path, await standIns.find("s3d_howto100m.pth"))],
  [
    /^checkpoint_best\.pt$/,
    async (path, standIns) => copyFileSync(join(await standIns.find("videoclip/"), "model.safetensors"), path),
  ],
  [/^glove\.[\w.]+\.txt$/, gloVe],
];

const VIDEO = /\.(mp4|mkv|webm|mov|avi)$/;
/** Files that the dataset miniatures lack, and files of the same format that replace them. */
const SAME_FORM: Record<string, string> = { "highlight_val_release.jsonl": "highlight_train_release.jsonl" };

export class StandIns {
  #videos = 0;

  /** @param cache folder that keeps the stand-ins */
  constructor(readonly cache: string) {}

  /** Puts every file that the text names into `folder`. */
  async provide(text: string, folder: string): Promise<void> {
    const names = new Set(
      [...text.matchAll(/[\w@.~/-]+/g)].map(([name]) => name.replace(/^\.\//, "").replace(/\.$/, "")),
    );
    const videos = new Set(
      [...names].filter((name) => VIDEO.test(name)).map((name) => basename(name).replace(VIDEO, "")),
    );
    const writesFeatures = /(--out|out:) ['"]?features\b/.test(text);
    for (const name of names) {
      if (name.startsWith("/") || name.startsWith("node_modules/") || name.includes("//")) continue;
      const last = /[^/]*\/?$/.exec(name)![0];
      if (VIDEO.test(name)) await this.#video(join(folder, name));
      else if (last === "videos/") await this.#videosOf(name, names, folder);
      else if (/^features\/[\w-]+\.npy$/.test(name) && !writesFeatures && !videos.has(basename(name, ".npy")))
        place(await this.find("features.npy"), join(folder, name));
      else if (last === "submission.jsonl") this.#submission(join(folder, name));
      else if (MAKERS.some(([pattern]) => pattern.test(last))) place(await this.find(last), join(folder, name));
      else if (this.#dataset(last)) {
        place(this.#dataset(last)!, join(folder, name));
        if (names.has("features/") && !writesFeatures) makeFeatures(folder);
      }
    }
  }

  /** The path of a stand-in in the cache. */
  async find(name: string): Promise<string> {
    const path = join(this.cache, name);
    if (existsSync(path)) return path;
    if (name === "features.npy") features(path);
    else await MAKERS.find(([pattern]) => pattern.test(name))![1](path, this);
    return path;
  }

  /** Copies one of three videos of three seconds. */
  async #video(path: string): Promise<void> {
    const seed = (this.#videos++ % 3) + 1;
    const made = join(this.cache, `sample-${seed}.mp4`);
    if (!existsSync(made)) await video(seed)(made, this);
    place(made, path);
  }

  /** Makes a folder with the named videos, or with two videos if none is named. */
  async #videosOf(name: string, names: ReadonlySet<string>, folder: string): Promise<void> {
    if ([...names].some((other) => other.startsWith(name) && VIDEO.test(other))) return;
    for (const file of ["sample-1.mp4", "sample-2.mp4"]) await this.#video(join(folder, name, file));
  }

  /** The path of a file of the dataset miniatures. */
  #dataset(name: string): string | undefined {
    const folder = join(this.cache, "datasets");
    if (!existsSync(folder)) makeDatasets(folder);
    const files = readdirSync(folder, { recursive: true }).map(String);
    const found = files.find((file) => basename(file) === (SAME_FORM[name] ?? name) && /\.\w+$/.test(file));
    return found && join(folder, found);
  }

  /** Writes predictions for QVHighlights' queries in the form of a submission. */
  #submission(path: string): void {
    const lines = readFileSync(this.#dataset("highlight_val_release.jsonl")!, "utf8").trim().split("\n");
    const predictions = lines.map((line) => {
      const { qid, query, vid, duration } = JSON.parse(line) as Record<string, unknown>;
      const scores = Array.from({ length: Number(duration) / 2 }, (_, i) => Math.sin(i));
      return JSON.stringify({ qid, query, vid, pred_relevant_windows: [[10, 20, 0.9]], pred_saliency_scores: scores });
    });
    writeFileSync(path, `${predictions.join("\n")}\n`);
  }
}

/** Places a file or a folder of files, as a link where the system permits it. */
function place(from: string, to: string): void {
  if (statSync(from).isDirectory()) {
    for (const name of readdirSync(from)) place(join(from, name), join(to, name));
    return;
  }
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
