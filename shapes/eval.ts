// npm run eval:shapes -- --seed N [--json] [--model DIR]: what the model of `shapes` can do, on videos of that seed.
import { parseArgs } from "node:util";
import { openShapes } from "./model.js";
import { evaluateShapes } from "./evaluate.js";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    model: { type: "string" },
    json: { type: "boolean", default: false },
    threads: { type: "string" },
  },
});
const seed = Number(values.seed);
if (!Number.isInteger(seed) || seed < 0) {
  process.stderr.write(`--seed: expected a whole number, received ${values.seed}\n`);
  process.exit(2);
}
const judged = await openShapes(values.model, { threads: values.threads ? Number(values.threads) : undefined });
const result = await evaluateShapes(judged, seed);
judged.dispose();
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  const { retrieval, motion, localisation } = result;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const controls = (c: typeof motion.controls) =>
    `mean colour ${percent(c.meanColour)}, shuffled frames ${percent(c.shuffledFrames)}, chance`;
  process.stdout.write(
    `seed ${seed}\n` +
      `text to video, ${retrieval.candidates} held-out combinations: R@1 ${percent(retrieval["R@1"])} ` +
      `(${retrieval.interval.map(percent).join(" to ")}), R@5 ${percent(retrieval["R@5"])}\n` +
      `  ${controls(retrieval.controls)} ${percent(1 / retrieval.candidates)}\n` +
      `motion alone, ${motion.candidates} of one object: R@1 ${percent(motion["R@1"])}\n` +
      `  ${controls(motion.controls)} ${percent(1 / motion.candidates)}\n` +
      `place of an event in 20 s: R1@0.5 ${percent(localisation["R1@0.5"])}, mIoU ${localisation.mIoU.toFixed(3)}\n`,
  );
}
