// Sentences that clients of the server ask for at the same time are encoded together, and each gets the row and the unknown words that it
// has alone.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { openTextEncoder } from "#lib/features/index_text_encoder.js";
import { spaceOf, TextEncoders } from "#lib/serve/text_encoders.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("text encoders of the server");
const never = new AbortController().signal;

test("sentences that wait share a run", async () => {
  using alone = await openTextEncoder({ kind: "videoclip", path: "models/shapes" });
  using index = await FeatureIndex.create(temporaryFolder("text_encoders"), { dim: alone.dim, text: alone.info });
  const encoders = new TextEncoders({});
  await (
    await encoders.open(index)
  ).measured;
  const space = spaceOf(index);
  const encoder = encoders.encoder(space)!;
  const runs: number[] = [];
  const encode = encoder.encode.bind(encoder);
  encoder.encode = (texts, options) => {
    runs.push(texts.length);
    return encode(texts, options);
  };
  const sentences = ["a red circle", "a zebra", "a green square moves left", "red", "an aardvark and a yak"];
  const first = encoders.encode(space, sentences[0], never);
  await new Promise((resolve) => setImmediate(resolve)); // the first run has begun
  const others = sentences.slice(1).map((sentence) => encoders.encode(space, sentence, never));
  const found = await Promise.all([first, ...others]);
  assert.equal(runs, [1, 4]);
  for (const [i, sentence] of sentences.entries()) {
    const { data, unknown = [] } = await alone.encode([sentence]);
    assert.equal(found[i].row, data, sentence);
    assert.equal(found[i].unknown, unknown.flatMap(({ words }) => words), sentence); // prettier-ignore
  }
  assert.ok(found[1].unknown.includes("zebra") && found[4].unknown.length > 1 && found[3].unknown.length === 0);
  assert.is(await encoders.encode(space, "red", never), found[3], "a known sentence is not encoded again");
  encoders.dispose();
});

test.run();
