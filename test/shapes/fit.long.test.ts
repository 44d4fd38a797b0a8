// A search of the shipped model says when nothing fits: on videos and sentences that its levels were not chosen on (see shapes/fit.ts).
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { videoClipTextEncoder } from "#lib/features/index_text_encoder.js";
import { searchText } from "#lib/features/search_text.js";
import { collection, type Sentences } from "../../shapes/collections.js";
import { openShapes, SHAPES_MODEL } from "../../shapes/model.js";

const test = suite("nothing fits");

/** Seeds that neither the levels nor the figures of the model card were made with. */
const SEEDS = [501, 502, 503, 504, 505, 506];
const VIDEOS = 8;

test("sentences of other things and of unknown words are marked, and true ones are not", async () => {
  const judged = await openShapes();
  const text = videoClipTextEncoder(judged.model, SHAPES_MODEL);
  const marked: Record<keyof Sentences, boolean[]> = { shown: [], absent: [], foreign: [], oneForeign: [] };
  for (const seed of SEEDS) {
    const made = await collection(judged, seed, VIDEOS);
    const index = await made.index(4, 1);
    for (const kind of Object.keys(marked) as (keyof Sentences)[]) {
      // true sentences are all taken, of the others as many as add up to a hundred
      const some = kind === "shown" ? Infinity : Math.ceil(100 / SEEDS.length);
      for (const sentence of made.sentences[kind].slice(0, some)) {
        const { fit } = await searchText(index, sentence, { text, top: 1 });
        assert.ok(fit, sentence);
        marked[kind].push(!fit.fits);
        assert.is(fit.fits, fit.message === undefined);
      }
    }
    index.dispose();
    made.dispose();
  }
  judged.dispose();
  const count = (kind: keyof Sentences, of: number) => marked[kind].slice(0, of).filter(Boolean).length;
  const found = { shown: count("shown", 200), absent: count("absent", 100), foreign: count("foreign", 100), oneForeign: count("oneForeign", 100) }; // prettier-ignore
  console.log(`marked: ${JSON.stringify(found)}`);
  assert.ok(marked.shown.length >= 200, `${marked.shown.length} true sentences`);
  assert.ok(found.shown <= 10, `${found.shown} of 200 true sentences are marked`);
  assert.ok(found.absent >= 80, `${found.absent} of 100 sentences about other things are marked`);
  assert.ok(found.foreign >= 95, `${found.foreign} of 100 sentences with unknown words are marked`);
  assert.ok(found.oneForeign >= 95, `${found.oneForeign} of 100 sentences with one unknown word are marked`);
});

test.run();
