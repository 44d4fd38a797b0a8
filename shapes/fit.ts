// npm run fit:shapes: from which score on a window fits a sentence. Levels are chosen on some generated videos, judged on others,
// and written into models/shapes/search.json with --write; statistics of other kinds are compared.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { judgeFit } from "../dist/features/fit/fit.js";
import { measureFit } from "../dist/features/fit/measure_fit.js";
import { unrelatedSentences } from "../dist/features/fit/unrelated_sentences.js";
import { videoClipTextEncoder } from "../dist/features/index_text_encoder.js";
import { type Collection, collection } from "./collections.js";
import { openShapes, SHAPES_MODEL } from "./model.js";

const seeds = (first: number, collections: number, videos: number) =>
  Array.from({ length: collections }, (_, i) => [first + i, videos] as const);
/** Seeds and numbers of videos: small and large collections, other ones for choosing than for judging. */
const TUNED = [...seeds(301, 12, 8), ...seeds(321, 4, 2), ...seeds(331, 4, 1), ...seeds(341, 1, 48)];
const JUDGED = [
  ...seeds(401, 12, 8),
  ...seeds(421, 8, 2),
  ...seeds(431, 8, 1),
  ...seeds(441, 2, 48),
  ...seeds(451, 1, 200),
];
/** Windows in seconds, and the seconds between their starts. */
const WINDOWS = [[2, 1], [3, 1], [4, 1], [4, 2], [6, 2], [8, 4], [16, 8]] as const; // prettier-ignore
/** The share of true sentences of the tuned collections that may be marked. */
const MARKED = 0.01;

const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } });
const judged = await openShapes();
const text = videoClipTextEncoder(judged.model, SHAPES_MODEL);
const KINDS = ["shown", "absent", "foreign", "oneForeign"] as const;
type Kind = (typeof KINDS)[number];

/** A number for every sentence that is larger where a sentence fits, by the name of the statistic. */
type Statistics = Record<string, Record<Kind, number[]>>;

const mean = (list: ArrayLike<number>) => Array.from(list).reduce((a, b) => a + b, 0) / list.length;
const spread = (list: ArrayLike<number>) => {
  const middle = mean(list);
  return Math.sqrt(mean(Array.from(list, (value) => (value - middle) ** 2)));
};
const quantile = (list: readonly number[], q: number) => {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
};

interface Measured {
  videos: number;
  statistics: Statistics;
  fit: NonNullable<Awaited<ReturnType<typeof measureFit>>>;
  best: Record<Kind, { sentence: string; unknown: string[]; best: number }[]>;
}

const made = new Map<number, Collection>();

async function measure(seed: number, videos: number, window: number, hop: number): Promise<Measured> {
  const known = made.get(seed) ?? (await collection(judged, seed, videos));
  made.set(seed, known);
  const index = await known.index(window, hop);
  try {
    const fit = (await measureFit(index, text, { level: 0 }))!;
    const rows = await index.sampleRows(index.size);
    const dim = index.dim;
    const count = rows.length / dim;
    const dot = (a: Float32Array, ai: number, b: Float32Array, bi: number) => {
      let sum = 0;
      for (let d = 0; d < dim; d++) sum += a[ai * dim + d] * b[bi * dim + d];
      return sum;
    };
    const scores = (vectors: Float32Array, i: number) =>
      Float64Array.from({ length: count }, (_, r) => dot(vectors, i, rows, r));
    const norm = (a: Float32Array, i: number) => Math.sqrt(dot(a, i, a, i));
    const norms = Array.from({ length: count }, (_, r) => norm(rows, r));
    const sentences = unrelatedSentences(text.vocabulary!());
    const { data: unrelated } = await text.encode(sentences);
    const vectors = Float32Array.from(unrelated);
    const bank = sentences.map((_, i) => scores(vectors, i));
    const bankBest = bank.map((row) => Math.max(...row)).sort((a, b) => a - b);
    const [rowMean, rowSpread] = [mean, spread].map((of) =>
      Array.from({ length: count }, (_, r) => of(bank.map((row) => row[r]))),
    );
    const statistics: Statistics = {};
    const best = {} as Measured["best"];
    for (const kind of KINDS) {
      const list = known.sentences[kind];
      const encoded = await text.encode(list);
      const data = Float32Array.from(encoded.data);
      best[kind] = [];
      list.forEach((sentence, i) => {
        const own = scores(data, i);
        const top = Math.max(...own);
        const at = own.indexOf(top);
        const unknown = [...(encoded.unknown?.find(({ text: t }) => t === i)?.words ?? [])];
        best[kind].push({ sentence, unknown, best: top });
        const found: Record<string, number> = {
          "best score": top,
          "spreads above the mean of unrelated sentences (taken)": (top - fit.mean) / fit.sd,
          "place among the best scores of unrelated sentences": bankBest.filter((value) => value < top).length,
          "spreads above the mean of their best scores": (top - mean(bankBest)) / spread(bankBest),
          "the same, at the window that was found": (top - rowMean[at]) / rowSpread[at],
          "spreads above the mean of its own scores": (top - mean(own)) / spread(own),
          cosine: Math.max(...own.map((value, r) => value / norms[r])) / norm(data, i),
        };
        for (const [name, value] of Object.entries(found))
          (statistics[name] ??= { shown: [], absent: [], foreign: [], oneForeign: [] })[kind].push(value);
      });
    }
    return { videos, statistics, fit, best };
  } finally {
    index.dispose();
  }
}

/** The threshold: a quantile of the true sentences of all collections. */
const threshold = (tuned: readonly Measured[], name: string): number =>
  quantile(
    tuned.flatMap(({ statistics }) => statistics[name].shown),
    MARKED,
  );

const percent = (list: readonly boolean[]) =>
  `${Math.round((100 * list.filter(Boolean).length) / list.length)}`.padStart(3);
const out = (line: string) => void process.stdout.write(`${line}\n`);
const levels: { window: number; level: number }[] = [];
for (const [window, hop] of WINDOWS) {
  const tuned: Measured[] = [];
  for (const [seed, videos] of TUNED) tuned.push(await measure(seed, videos, window, hop));
  const others: Measured[] = [];
  for (const [seed, videos] of JUDGED) others.push(await measure(seed, videos, window, hop));
  out(
    `\nwindows of ${window} s every ${hop} s; percent that is marked, of shown / absent / foreign / one foreign word`,
  );
  for (const name of Object.keys(tuned[0].statistics)) {
    const limit = threshold(tuned, name);
    const line = (list: readonly Measured[]) => KINDS.map((kind) => percent(list.flatMap(({ statistics }) => statistics[name][kind].map((v) => v < limit)))).join(" /"); // prettier-ignore
    const parts = [1, 2, 8, 48, 200].map((n) => `${n}: ${line(others.filter(({ videos }) => videos === n))}`);
    out(`  ${name}, ${limit.toFixed(2)}\n    videos ${parts.join(" | ")}`);
  }
  const level = Math.round(100 * threshold(tuned, "spreads above the mean of unrelated sentences (taken)")) / 100;
  // the first of two that differ in the hop only: more windows are the harder case
  if (!levels.some((each) => each.window === window)) levels.push({ window, level });
  const rule = (list: readonly Measured[]) => KINDS.map((kind) => percent(list.flatMap(({ best, fit }) => best[kind].map((s) => !judgeFit(s.sentence, s.unknown, s.best, { ...fit, level })!.fits)))).join(" /"); // prettier-ignore
  const parts = [1, 2, 8, 48, 200].map((n) => `${n}: ${rule(others.filter(({ videos }) => videos === n))}`);
  out(`  the whole rule, level ${level}\n    videos ${parts.join(" | ")}`);
}
if (values.write) {
  const content = { weights: judged.model.weightsHash, window: 4, hop: 1, levels };
  writeFileSync(join(SHAPES_MODEL, "search.json"), `${JSON.stringify(content, null, 2)}\n`);
}
for (const each of made.values()) each.dispose();
judged.dispose();
