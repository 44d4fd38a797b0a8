// The shipped model through the public interface: its path constant, its methods, and `using`.
import { isAbsolute } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  createDevice,
  DisposedError,
  S3DTextEncoder,
  SHAPES_MODEL,
  Transformer,
  VideoClip,
  videoClipTextEncoder,
} from "#lib/index.js";
import { compile } from "#lib/runtime/compile.js";
import { input, trace } from "#lib/graph/trace.js";
import { EmbeddingCache } from "#lib/train/embedding_cache.js";

const test = suite("shipped model");

async function disposed(work: () => unknown): Promise<void> {
  const error = await Promise.resolve()
    .then(work)
    .catch((reason: unknown) => reason);
  assert.instance(error, DisposedError);
}

test("the constant is an absolute path, and the model distinguishes its texts", async () => {
  assert.ok(isAbsolute(SHAPES_MODEL));
  const model = await VideoClip.load(SHAPES_MODEL, { device: "cpu", threads: 1 });
  const texts = await model.encodeText(["a red star moves left", "a red star moves left", "a large blue ring jumps"]);
  assert.equal(texts.shape, [3, 128]);
  const { data } = await model.similarity(texts, texts);
  assert.is(data[0], data[1]);
  assert.ok(data[0] > data[2]);
  model.dispose();
});

test("`using` frees everything that holds memory", async () => {
  const device = createDevice({ device: "cpu", threads: 1 });
  {
    using model = await VideoClip.load(SHAPES_MODEL, { device });
    using text = videoClipTextEncoder(model, SHAPES_MODEL);
    assert.equal((await text.encode(["a star"])).shape, [1, 128]);
    assert.equal(await text.embed(["a star"]), (await text.encode(["a star"])).data);
  }
  const encoder = S3DTextEncoder.random(1, { vocabulary: ["egg"], device });
  encoder[Symbol.dispose]();
  await disposed(() => encoder.encode(["egg"]));
  const program = compile(
    trace(() => ({ y: input("x", [2]) })),
    device,
  );
  program[Symbol.dispose]();
  await disposed(() => program.run({ x: Float32Array.of(1, 2) }));
  const cache = new EmbeddingCache({
    device,
    encode: ({ x }) => ({ a: x, b: x }),
    loss: (a) => a,
    parameters: [],
    chunk: 1,
  });
  cache[Symbol.dispose]();
  const translator = Transformer.random(1, { device, config: { width: 16, heads: 2, encoderLayers: 1, decoderLayers: 1, feedForward: 16, sourceVocabulary: 8, targetVocabulary: 8 } }); // prettier-ignore
  translator[Symbol.dispose]();
  await disposed(() => translator.generate([[3]]));
  assert.not.ok(device.disposed, "a shared device stays open");
  device[Symbol.dispose]();
  assert.ok(device.disposed);
});

test.run();
