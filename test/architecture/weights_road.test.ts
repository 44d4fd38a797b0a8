// Only `loadInto` puts the weights of files into a store; other code puts only values that it generates.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type ts from "typescript";
import { parseSource } from "../../scripts/lint/syntax.js";
import { callsOf, librarySources } from "./sources.js";

const test = suite("architecture: weights");

/** Calls that put values into a parameter store: `store.set(key, shape, data)`, `device.parameters.set(...)`. */
const putsOf = (source: ts.SourceFile): ts.CallExpression[] =>
  [...callsOf(source)].flatMap(({ name, call }) => {
    const receiver = call.expression.getText().slice(0, -".set".length);
    return name === "set" && call.arguments.length === 3 && /(^|\.)(\w*store|parameters)$/i.test(receiver)
      ? [call]
      : [];
  });

/** Calls that read values from files. */
const READS =
  /^(readFloats|floatValues|openWeights|readNpy|readNpz|parseNpy|readAsync|readFileSync|readSync|readFile)$/;
const readsOf = (source: ts.SourceFile): string[] =>
  [...callsOf(source)]
    .filter(({ name, call }) => READS.test(name) || (name === "read" && call.arguments.length === 0))
    .map(({ name }) => name);

/** Files that open a checkpoint to inspect it before `loadInto` receives it, without reading values. */
const OPENS = new Set(["models/own/model_weights.ts", "models/parameters.ts", "models/text/text_weights.ts"]);

test("one function puts values of files into a store", () => {
  const sources = librarySources();
  const loader = sources.find(({ fileName }) => fileName === "weights/load_into.ts")!;
  assert.is(putsOf(loader).length, 1);
  const found = sources.filter((source) => {
    if (source === loader || putsOf(source).length === 0) return false;
    return readsOf(source).some((name) => !(name === "openWeights" && OPENS.has(source.fileName)));
  });
  assert.equal(found.map(({ fileName }) => fileName), []); // prettier-ignore
  assert.ok(
    sources.filter((source) => putsOf(source).length > 0).length > 5,
    "the rule finds the files that generate values",
  );
});

test("values of files are converted only for the loader, and for renames that change them", () => {
  const users = (function_: string) =>
    librarySources()
      .filter((source) => [...callsOf(source)].some(({ name }) => name === function_))
      .map(({ fileName }) => fileName);
  assert.equal(users("readFloats"), ["weights/load_into.ts"]);
  assert.equal(users("floatValues"), ["weights/load_into.ts", "weights/slowfast.ts", "weights/transformer_files.ts"]);
});

test("the rule finds a second function", () => {
  const text = `import { openWeights } from "../weights/index.js";
    for (const [key, tensor] of (await openWeights(path)).tensors) device.parameters.set(key, tensor.shape, cast(tensor.read()));`;
  const source = parseSource("x.ts", text);
  assert.is(putsOf(source).length, 1);
  assert.equal(readsOf(source).sort(), ["openWeights", "read"]);
  assert.is(putsOf(parseSource("x.ts", "new Map().set(key, value); store.set(key, value);")).length, 0);
});

test.run();
