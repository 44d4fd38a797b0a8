// docs/command_line.md and docs/presets.md agree with the code.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VIDEO_MODEL_NAMES, VIDEO_MODELS } from "#lib/models/video/video_models.js";
import { VIDEOCLIP_PRESETS } from "#lib/models/videoclip/videoclip_config.js";
import { listPresets, resolvePreset } from "#lib/video/presets.js";
import type { Preset } from "#lib/video/types.js";
import { commandDocs } from "../../scripts/command_docs.js";
import { root } from "../../scripts/lint/syntax.js";

const test = suite("commands and presets");
const read = (name: string) => readFileSync(join(root, "docs", name), "utf8");

test("docs/command_line.md equals the help of the commands", async () => {
  assert.is(read("command_line.md"), await commandDocs(), "run: npm run docs:commands");
});

/** The cells of all rows of the tables whose first column is `head`. */
function rows(text: string, head: string): string[][] {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  assert.ok(first >= 0, head);
  const last = lines.findIndex((line, i) => i > first && !line.startsWith("|"));
  return lines.slice(first + 2, last).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim())); // prettier-ignore
}

const RANGES: Record<string, (mean: number, std: number) => boolean> = {
  "[0, 1]": (mean, std) => mean === 0 && std === 1,
  "[-1, 1]": (mean, std) => mean === 0.5 && std === 0.5,
  "mean 0.45, std 0.225": (mean, std) => mean === 0.45 && std === 0.225,
  "Kinetics mean and std": (mean, std) => Math.abs(mean - 0.4) < 0.05 && Math.abs(std - 0.22) < 0.02,
};

test("docs/presets.md lists every preset with its fields", () => {
  const written = new Map(
    rows(read("presets.md"), "name").flatMap((cells) => cells[0].split(", ").map((name) => [name.slice(1, -1), cells])),
  );
  const presets = listPresets();
  assert.equal([...written.keys()].sort(), presets.map(({ name }) => name).sort());
  for (const preset of presets) {
    const [, fps, frames, resize, crop, range, pad] = written.get(preset.name)!;
    const every = preset.stride === preset.frames ? "" : `, every ${preset.stride}`;
    const side = preset.resizeMode === "short" ? "short side" : "both sides";
    assert.equal(
      [fps, frames, resize, crop, pad],
      [
        String(preset.fps),
        `${preset.frames}${every}`,
        `${side} ${preset.resize}, ${preset.interpolation}`,
        String(preset.crop),
        { zero: "black frames", repeat: "last frame repeated", spread: "spread over the clip" }[preset.pad],
      ],
    );
    assert.ok(
      preset.mean.every((mean, i) => RANGES[range](mean, preset.std[i])),
      `${preset.name}: ${range}`,
    );
  }
});

test("docs/presets.md lists the preset of every model and the length of a clip", () => {
  const written = rows(read("presets.md"), "model");
  const expected: [string, Preset][] = [
    ...VIDEO_MODEL_NAMES.map((name): [string, Preset] => [name, resolvePreset(VIDEO_MODELS[name].preset)]),
    ...Object.entries(VIDEOCLIP_PRESETS).map(([name, { videoModel }]): [string, Preset] => [
      name,
      resolvePreset(videoModel!.preset),
    ]),
  ];
  assert.equal(
    written,
    expected.map(([model, { name, frames, fps }]) => [
      `\`${model}\``,
      `\`${name}\``,
      `${Number((frames / fps).toFixed(2))} s`,
    ]),
  );
});

test.run();
