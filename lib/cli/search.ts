import { dirname } from "node:path";
import { Command, Option } from "commander";
import { writeDurably } from "../base/files.js";
import { FeatureIndex } from "../features/feature_index.js";
import { searchText } from "../features/search_text.js";
import type { DecoderName } from "../video/types.js";
import { clock } from "../video/html.js";
import { searchPage } from "../serve/search_page.js";
import { interruptible } from "./interrupt.js";
import { positive, printable } from "./options.js";
import { reportUnknownWords } from "./unknown.js";

interface Flags {
  index: string;
  top: number;
  perVideo?: number;
  video?: string;
  model?: string;
  tokenizer?: string;
  words?: string;
  html?: string;
  decoder: DecoderName;
  threads?: number;
  json?: boolean;
}

/** `videoclip search`: finds the parts of videos that a sentence describes. */
export function searchCommand(): Command {
  return new Command("search")
    .description("Search an index with a sentence: videos, time spans and scores, best first")
    .argument("<text>", "what to look for")
    .requiredOption("--index <dir>", "folder that videoclip index made")
    .option("--top <n>", "hits", positive, 10)
    .option("--per-video <n>", "hits of one video at most", positive)
    .option("--video <part>", "only videos whose path contains this")
    .option("--model <path>", "where the model is now, if it moved")
    .option("--tokenizer <path>", "where its tokenizer is now")
    .option("--words <file>", "where s3d_dict.npy is now")
    .option("--threads <n>", "compute threads; default: the cores of this machine", positive)
    .addOption(
      new Option("--decoder <name>", "decoder of thumbnails").choices(["auto", "node-av", "ffmpeg"]).default("auto"),
    )
    .option("--html <file>", "also write a page with pictures and how each video scores over time")
    .option("--json", "one JSON object per hit on stdout; fits says whether it fits the sentence")
    .addHelpText("after", '\nExample:\n  videoclip search "stir the soup" --index index/ --top 10 --html soup.html')
    .action((query: string, flags: Flags) =>
      interruptible("nothing was changed", (signal) => run(query, flags, signal)),
    );
}

async function run(query: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const { top, perVideo, video, model, tokenizer, words, threads } = flags;
  const index = await FeatureIndex.open(flags.index, { threads });
  try {
    const filter = video === undefined ? undefined : (name: string) => name.includes(video);
    const places = { path: model, tokenizer, words, threads, signal };
    const result = await searchText(index, query, { top, perVideo, filter, ...places });
    const { hits, fit } = result;
    reportUnknownWords(result.unknown ?? []);
    if (fit?.message) process.stderr.write(`${fit.message}\n`);
    if (flags.html) {
      writeDurably(
        flags.html,
        await searchPage(index, result, { decoder: flags.decoder, folder: dirname(flags.html), signal }),
      );
      process.stderr.write(`The page is in ${flags.html}\n`);
    }
    hits.forEach(({ video: path, start, end, score }, i) => {
      const rank = i + 1;
      const fits = fit && fit.reason !== "unknown-words" && score >= (fit.needed ?? Number.POSITIVE_INFINITY);
      process.stdout.write(
        flags.json
          ? `${JSON.stringify({ rank, video: path, start, end, score, fits })}\n`
          : `${String(rank).padStart(3)}  ${score.toFixed(4).padStart(9)}  ${clock(start)}-${clock(end)}  ${printable(path)}\n`,
      );
    });
    if (hits.length === 0) process.stderr.write("Nothing was found: no video in the index is searched\n");
  } finally {
    index.dispose();
  }
}
