// Generation with the encoder-decoder Transformer: the cache, the batch, the keys of both layouts.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { InvalidArgumentError } from "#lib/base/errors.js";
import { optimize } from "#lib/compile/passes/index.js";
import { compile } from "#lib/runtime/compile.js";
import type { Program, ProgramInputs } from "#lib/runtime/program.js";
import type { Graph } from "#lib/graph/trace.js";
import { type SinusoidLayout, sinusoids } from "#lib/models/transformer/sinusoid.js";
import { MARIAN, TRANSFORMER_BASE } from "#lib/models/transformer/transformer.js";
import { cachedDecoder, encodeSources } from "#lib/models/transformer/transformer_decode.js";
import { type GenerateOptions, Transformer } from "#lib/models/transformer/transformer_model.js";
import { transformerParameters } from "#lib/models/transformer/transformer_weights.js";
import { hashParameter } from "#lib/nn/random_weights.js";
import { writeSafetensors } from "#lib/weights/index.js";

import { f32, small, sources } from "./small_transformer.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("transformer");
const folder = temporaryFolder("transformer");
const cpu = { device: "cpu" } as const;

test("sinusoids have the values of the three layouts", () => {
  const width = 8;
  const at = (layout: SinusoidLayout, position: number, column: number) =>
    sinusoids(layout, 40, width)[position * width + column];
  const close = (got: number, expected: number) => assert.ok(Math.abs(got - expected) < 1e-6, `${got} ${expected}`);
  for (const position of [0, 1, 37]) {
    for (const i of [0, 1, 3]) {
      const paper = position / 10000 ** ((2 * i) / width);
      close(at("paper", position, 2 * i), Math.sin(paper));
      close(at("paper", position, 2 * i + 1), Math.cos(paper));
      close(at("marian", position, i), Math.sin(paper));
      close(at("marian", position, 4 + i), Math.cos(paper));
      const reached = position / 10000 ** (i / 3);
      close(at("tensor2tensor", position, i), Math.sin(reached));
      close(at("tensor2tensor", position, 4 + i), Math.cos(reached));
    }
  }
  assert.equal(sinusoids("paper", 2, width, 5), sinusoids("paper", 7, width).slice(5 * width));
  assert.throws(() => sinusoids("other" as "paper", 2, width), /paper, tensor2tensor, marian/);
  assert.throws(() => sinusoids("paper", 2, 7), /even/);
});

for (const normFirst of [false, true]) {
  for (const positions of ["paper", "tensor2tensor"] as const) {
    test(`the cache changes no result: normFirst ${normFirst}, ${positions}`, async () => {
      const config = { ...small, normFirst, finalNorm: normFirst, positions };
      const free = Transformer.random(11, { ...cpu, config });
      // without an end token, results reach the maximum length
      const endless = Transformer.random(11, { ...cpu, config: { ...config, forbiddenIds: [0, 1, 2] } });
      for (const [model, options] of [
        [free, { maxLength: 40 }],
        [free, { maxLength: 36, beams: 3 }],
        [endless, { maxLength: 36, beams: 3 }],
      ] as [Transformer, GenerateOptions][]) {
        const cached = await model.generate(sources, options);
        const plain = await model.generate(sources, { ...options, cache: false });
        for (const [i, list] of cached.entries()) {
          assert.equal(
            list.map(({ ids }) => ids),
            plain[i].map(({ ids }) => ids),
          );
          list.forEach(({ score }, j) => assert.ok(Math.abs(score - plain[i][j].score) < 1e-5));
        }
        assert.is(new Set(cached.map(([{ score }]) => score)).size, sources.length, "sources matter");
        if (model === endless) assert.is(cached[0][0].ids.length, 36);
      }
      free.dispose();
      endless.dispose();
    });
  }
}

test("there is one program per bucket, not one per token", async () => {
  const model = Transformer.random(11, { ...cpu, config: { ...small, endId: 18, forbiddenIds: [18] } });
  const [[{ ids }]] = await model.generate([sources[0]], { maxLength: 60 });
  assert.is(ids.length, 60);
  assert.is(model.programs, 2, "encoder, and steps of up to 64 tokens");
  await model.generate([sources[3]], { maxLength: 50 });
  assert.is(model.programs, 2);
  await model.generate([sources[3]], { maxLength: 30 });
  assert.is(model.programs, 3, "steps of up to 32 tokens");
  await model.generate([sources[3]], { maxLength: 60, beams: 2 });
  assert.is(model.programs, 6, "encoder, steps and reordering of two rows");
  await model.generate([sources[0]], { maxLength: 60, beams: 2 });
  assert.is(model.programs, 6);
  model.dispose();
});

test("keys and values are written in place", async () => {
  const device = createDevice(cpu);
  const config = { ...TRANSFORMER_BASE, ...small };
  for (const [key, shape] of transformerParameters(config)) {
    device.parameters.set(key, shape, hashParameter("place/", key, shape));
  }
  const compiled: Program[] = [];
  const run = (_: string, graph: () => Graph, inputs: ProgramInputs) => {
    compiled.push(compile(optimize(graph()), device));
    return compiled.at(-1)!.run(inputs);
  };
  const memory = await encodeSources(run, device.parameters, [[3, 2]], 1, config);
  const next = cachedDecoder(run, device.parameters, memory, 16, config);
  await next(Int32Array.of(1), Int32Array.of(0), 0);
  const ops = compiled[1].instructions.map(({ op }) => op);
  assert.is(ops.filter((op) => op === "dynamic_update_slice").length, 2 * 2);
  assert.is(ops.lastIndexOf("dynamic_update_slice") < ops.lastIndexOf("attention"), true);
  assert.is(ops.at(-1), "softmax", "the program ends without copies of caches");
  const cache = device.parameters.get("cache.1x16.key.0");
  assert.is(cache.slice(32).filter((v) => v !== 0).length, 0);
  assert.is(cache.slice(0, 32).filter((v) => v !== 0).length, 32);
  await next(Int32Array.of(4), Int32Array.of(0), 1);
  const later = device.parameters.get("cache.1x16.key.0");
  assert.equal(later.slice(0, 32), cache.slice(0, 32));
  assert.is(later.slice(0, 64).filter((v) => v !== 0).length, 64);
  device.dispose();
});

test("simultaneous calls are executed one after the other", async () => {
  const model = Transformer.random(11, { ...cpu, config: small });
  const options = { maxLength: 20, beams: 2 };
  const alone = [await model.generate([sources[0]], options), await model.generate([sources[2]], options)];
  const aborted = new AbortController();
  const calls = [sources[0], sources[2], sources[0]].map((source, i) =>
    model.generate([source], { ...options, signal: i === 1 ? aborted.signal : undefined }).catch((e: Error) => e),
  );
  aborted.abort(new Error("enough"));
  const [first, second, third] = await Promise.all(calls);
  assert.equal(first, alone[0]);
  assert.is((second as Error).message, "enough");
  assert.equal(third, alone[0]);
  assert.equal(await Promise.all([0, 2].map((i) => model.generate([sources[i]], options))), alone);
  model.dispose();
});

test("the results of a source depend neither on its batch nor on padding", async () => {
  const model = Transformer.random(11, { ...cpu, config: small });
  const options = { maxLength: 20, beams: 2 };
  const together = await model.generate(sources, options);
  for (const [i, source] of sources.entries()) {
    const [alone] = await model.generate([source], options);
    assert.equal(
      alone.map(({ ids }) => ids),
      together[i].map(({ ids }) => ids),
    );
    alone.forEach(({ score }, j) => assert.ok(Math.abs(score - together[i][j].score) < 1e-6));
  }
  assert.equal(await model.generate([], options), []);
  model.dispose();
});

test("one-hot rows give the same as their ids, and both kinds of rows can be mixed", async () => {
  const model = Transformer.random(11, { ...cpu, config: small });
  const options = { maxLength: 20, beams: 2 };
  const V = small.sourceVocabulary!;
  const oneHot = (ids: readonly number[]) => {
    const data = new Float32Array(ids.length * V);
    ids.forEach((id, i) => (data[i * V + id] = 1));
    return { data, shape: [ids.length, V] as const };
  };
  const rows = sources.map(oneHot);
  const expected = await model.generate(sources, options);
  const got = await model.generate(rows, options);
  got.forEach((list, i) =>
    list.forEach(({ ids, score }, j) => {
      assert.equal(ids, expected[i][j].ids);
      assert.ok(Math.abs(score - expected[i][j].score) < 1e-6);
    }),
  );
  const mixed = { ...rows[0], data: rows[0].data.map((v, i) => 0.5 * (v + oneHot([1, 2, 3, 4]).data[i])) };
  const [[between]] = await model.generate([mixed], options);
  assert.not.equal(between.score, expected[0][0].score);
  for (const [list, pattern] of [
    [[rows[0], sources[1]], /sources\[1\].*one-hot rows, as sources\[0\] has/],
    [[{ data: new Float32Array(44), shape: [2, 22] }], /rows \[S, 23\], received \[2, 22\]/],
  ] as const) {
    const error = await model.generate(list as never).catch((e: Error) => e);
    assert.instance(error, InvalidArgumentError);
    assert.match((error as Error).message, pattern);
  }
  model.dispose();
});

test("word vectors are the embedding, with a projection if their width differs", async () => {
  const table = (rows: number, dim: number) => hashParameter("vectors/", `${rows}`, [rows, dim]);
  const config = { ...small, embeddingWidth: 20 };
  const embeddings = { source: table(23, 20), target: table(19, 20) };
  const model = Transformer.random(11, { ...cpu, config, embeddings });
  const get = (key: string) => model.device.parameters.get(key);
  assert.equal(get("source_embedding.weight"), embeddings.source);
  assert.equal(transformerParameters(model.config).get("target_embedding_projection.weight"), [32, 20]);
  const options = { maxLength: 20 };
  const results = await model.generate(sources, options);
  // a model whose table is the product of vectors and projection gives the same
  const product = (key: string, rows: Float32Array) => {
    const projection = get(`${key}_projection.weight`);
    return Float32Array.from({ length: (rows.length / 20) * 32 }, (_, i) =>
      rows
        .subarray(20 * Math.floor(i / 32), 20 * Math.floor(i / 32) + 20)
        .reduce((sum, v, k) => sum + v * projection[20 * (i % 32) + k], 0),
    );
  };
  const whole = Transformer.random(11, {
    ...cpu,
    config: small,
    embeddings: {
      source: product("source_embedding", embeddings.source),
      target: product("target_embedding", embeddings.target),
    },
  });
  const expected = await whole.generate(sources, options);
  results.forEach(([{ score, ids }], i) => {
    assert.equal(ids, expected[i][0].ids);
    assert.ok(Math.abs(score - expected[i][0].score) < 1e-5);
  });
  assert.throws(
    () => Transformer.random(1, { ...cpu, config: small, embeddings: { target: table(19, 20) } }),
    /embeddings.target: expected \[19, 32\] values, received 380/,
  );
  assert.throws(
    () =>
      Transformer.random(1, { ...cpu, config: { ...MARIAN, ...config, targetVocabulary: 23, endId: 0, startId: 1 } }),
    /embeddingWidth: expected 32, since the output projection is the embedding/,
  );
  // a file without the tables that the caller gives
  const path = join(folder, "vectors.safetensors");
  const stored = [...transformerParameters(model.config)].filter(([key]) => !key.endsWith("embedding.weight"));
  writeSafetensors(path, new Map(stored.map(([key, shape]) => [key, f32(shape, get(key))])));
  const loaded = await Transformer.load(path, { ...cpu, config, embeddings });
  assert.equal(await loaded.generate(sources, options), results);
  for (const m of [model, whole, loaded]) m.dispose();
});

test("errors name arguments that do not fit", async () => {
  const model = Transformer.random(1, { ...cpu, config: small });
  for (const [input, pattern] of [
    [[[3], []], /sources\[1\].*received none/],
    [[[23]], /sources\[0\].*0 to 22, received 23/],
  ] as const) {
    const error = await model.generate(input).catch((e: Error) => e);
    assert.instance(error, InvalidArgumentError);
    assert.match((error as Error).message, pattern);
  }
  const reason = new Error("enough");
  const aborted = await model.generate(sources, { signal: AbortSignal.abort(reason) }).catch((e: Error) => e);
  assert.is(aborted, reason);
  assert.throws(() => Transformer.random(1, { ...cpu, config: { ...small, heads: 5 } }), /multiple of heads \(5\)/);
  model.dispose();
});

test.run();
