import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Command } from "commander";
import { DatasetError, VideoClipError } from "../errors.js";
import { writeDurably } from "../files.js";
import { readMetrics } from "../train/metrics.js";
import { plotSvg } from "../train/plot.js";

const require = createRequire(import.meta.url);

/** `videoclip plot`: the curves of a run. */
export function plotCommand(): Command {
  return new Command("plot")
    .description("Draw the curves of a training run: curves.svg, and curves.png with @resvg/resvg-wasm installed")
    .argument("<run>", "folder of a run, with metrics.jsonl")
    .option("--out <path>", "where to write, without the ending; default: curves in the run's folder")
    .action(async (run: string, { out = join(run, "curves") }: { out?: string }) => {
      const file = join(run, "metrics.jsonl");
      const lines = readMetrics(file);
      if (lines.length === 0) throw new DatasetError("ERR_DATASET", `${file}: there are no steps to draw`, { file });
      const svg = plotSvg(lines);
      writeDurably(`${out}.svg`, svg);
      process.stdout.write(`${out}.svg\n`);
      writeDurably(`${out}.png`, await toPng(svg));
      process.stdout.write(`${out}.png\n`);
    });
}

/** SVG to PNG at twice its size, with a font that is the same on every machine. */
async function toPng(svg: string): Promise<Uint8Array> {
  const { initWasm, Resvg } = await import("@resvg/resvg-wasm").catch((cause: unknown) => {
    throw new VideoClipError(
      "ERR_RENDERER_MISSING",
      "a PNG needs a renderer of SVG and a font: npm install @resvg/resvg-wasm dejavu-fonts-ttf",
      { cause },
    );
  });
  await initWasm(readFileSync(require.resolve("@resvg/resvg-wasm/index_bg.wasm")));
  const font = readFileSync(require.resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf"));
  const image = new Resvg(svg, {
    fitTo: { mode: "zoom", value: 2 },
    font: { fontBuffers: [font], loadSystemFonts: false, defaultFontFamily: "DejaVu Sans" },
  });
  return image.render().asPng();
}
