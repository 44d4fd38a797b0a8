// npm run demo: makes videos of moving shapes, encodes them with the model that ships, indexes them and looks for sentences.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeVideo } from "./video_file.js";
import { longVideos } from "./videos.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const demo = join(root, "demo");
const [videos, features, index, page] = ["videos", "features", "index", "search.html"].map((name) => join(demo, name));
const model = join(root, "models/shapes");

/** Runs the command line and returns what it writes to stdout. */
function videoclip(...command: string[]): string {
  const shown = command.map((word) => (word.includes(" ") ? `"${word}"` : word)).join(" ");
  process.stderr.write(`videoclip ${shown.replaceAll(root, "")}\n`);
  const run = spawnSync(process.execPath, [join(root, "dist/cli/main.js"), ...command], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (run.status !== 0) process.exit(run.status ?? 1);
  return run.stdout;
}

process.stderr.write(
  "Making sample videos: 20 s each, several events, in combinations that the model was never shown\n",
);
rmSync(demo, { recursive: true, force: true });
mkdirSync(videos, { recursive: true });
const made = longVideos(2026, 8);
const events: { video: string; start: number; end: number; text: string }[] = [];
for (const [i, video] of made.entries()) {
  const name = `shapes-${i + 1}.mp4`;
  await writeVideo(join(videos, name), video);
  events.push(...video.events.map(({ start, end, text }) => ({ video: name, start, end, text })));
}
writeFileSync(join(demo, "events.jsonl"), events.map((event) => `${JSON.stringify(event)}\n`).join(""));

videoclip("extract", videos, "--model", model, "--out", features, "--quiet");
videoclip("index", features, "--model", model, "--out", index, "--window", "4", "--hop", "1", "--quiet");

let found = 0;
const asked = [0, 2, 4, 6].map((i) => events.filter(({ video }) => video === `shapes-${i + 1}.mp4`)[1]);
for (const [i, { text, video, start, end }] of asked.entries()) {
  const html = i === 0 ? ["--html", page] : [];
  const hits = videoclip("search", text, "--index", index, "--top", "3", "--per-video", "1", "--json", ...html)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { video: string; start: number; end: number; score: number });
  const [best] = hits;
  const right = best.video.endsWith(video) && best.start < end && best.end > start;
  if (right) found++;
  process.stdout.write(`"${text}" happens in ${video}, ${start} to ${end} s\n`);
  for (const hit of hits) {
    const name = hit.video.slice(hit.video.lastIndexOf("/") + 1);
    process.stdout.write(`  ${name}  ${hit.start} to ${hit.end} s  score ${hit.score.toFixed(2)}\n`);
  }
}
process.stdout.write(
  `\n${found} of ${asked.length} events found first. demo/search.html shows the first answer, demo/events.jsonl what is in the videos.\n` +
    'Ask for something else: node dist/cli/main.js search "a large red star turns clockwise" --index demo/index\n',
);
