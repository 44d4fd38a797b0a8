import { readFileSync } from "node:fs";
import Module from "node:module"; // a default import, because webpack replaces a named createRequire by its implementation
import { join } from "node:path";
import { DatasetError, VideoClipError } from "../base/errors.js";
import { writeDurably } from "../base/files.js";
import { readMetrics } from "./metrics.js";
import { plotSvg } from "./plot.js";

export interface PlotRunOptions {
  /** Path of the output without the extension. Default: `curves` in the run's folder. */
  out?: string | undefined;
  /** Called with each written file. */
  onFile?: ((path: string) => void) | undefined;
}

/**
 * Draws the curves of a run: `curves.svg`, then `curves.png`, which needs `@resvg/resvg-wasm` and `dejavu-fonts-ttf`.
 * @param run folder of the run, with metrics.jsonl
 * @returns the written files
 * @throws DatasetError for a run without steps; VideoClipError `ERR_RENDERER_MISSING` after the SVG is written
 */
export async function plotRun(run: string, options: PlotRunOptions = {}): Promise<string[]> {
  const { out = join(run, "curves"), onFile } = options;
  const metrics = join(run, "metrics.jsonl");
  const lines = readMetrics(metrics);
  if (lines.length === 0) {
    throw new DatasetError("ERR_DATASET", `${metrics}: there are no steps to draw`, { file: metrics });
  }
  const files: string[] = [];
  const write = (path: string, content: string | Uint8Array) => {
    writeDurably(path, content);
    files.push(path);
    onFile?.(path);
  };
  const svg = plotSvg(lines);
  write(`${out}.svg`, svg);
  write(`${out}.png`, await toPng(svg));
  return files;
}

/** SVG to PNG at twice its size, with the same font on every machine. */
async function toPng(svg: string): Promise<Uint8Array> {
  const { initWasm, Resvg } = await import(/* webpackIgnore: true */ "@resvg/resvg-wasm").catch((cause: unknown) => {
    throw new VideoClipError(
      "ERR_RENDERER_MISSING",
      "a PNG needs a renderer of SVG and a font: npm install @resvg/resvg-wasm dejavu-fonts-ttf",
      { cause },
    );
  });
  const { resolve } = Module.createRequire(import.meta.url);
  await (initialised ??= initWasm(readFileSync(resolve("@resvg/resvg-wasm/index_bg.wasm"))));
  const font = readFileSync(resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf"));
  const image = new Resvg(svg, {
    fitTo: { mode: "zoom", value: 2 },
    font: { fontBuffers: [font], loadSystemFonts: false, defaultFontFamily: "DejaVu Sans" },
  });
  return image.render().asPng();
}

/** The renderer can be initialised only once per process. */
let initialised: Promise<void> | undefined;
