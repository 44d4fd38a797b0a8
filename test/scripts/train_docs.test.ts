// configs/train.schema.json and the tables of docs/training.md follow from the schema of run files.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type JsonSchema, readRecipe, trainConfigSchema } from "#lib/train/index.js";
import { keyTables, schemaText, withTables } from "../../scripts/train_docs.js";

const test = suite("documents of run files");
const page = readFileSync("docs/training.md", "utf8");

/** Every key of the schema with its part of the schema, by path. */
function keysOf(schema: JsonSchema, path = ""): [string, JsonSchema][] {
  const items = Array.isArray(schema.items) ? schema.items : [schema.items ?? {}];
  const below = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...items].flatMap((inner) =>
    Object.keys(inner).length > 0 ? keysOf(inner, path) : [],
  );
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, value]): [string, JsonSchema][] => {
    const place = path === "" ? name : `${path}.${name}`;
    return [[place, value], ...keysOf(value, place)];
  });
  return [...own, ...below];
}

test("the published schema equals the code's (npm run docs:train)", () => {
  assert.is(readFileSync("configs/train.schema.json", "utf8"), schemaText());
});

test("the tables of docs/training.md equal the code's (npm run docs:train)", () => {
  assert.is(page, withTables(page));
});

test("every key has a description, and a row in the tables", () => {
  const keys = keysOf(trainConfigSchema());
  assert.ok(keys.length > 100, `${keys.length} keys`);
  const tables = keyTables();
  for (const [path, { description = "" }] of keys) {
    assert.match(description, /^[A-Z`].*\.$/, `${path}: ${description}`);
    assert.match(
      tables,
      new RegExp(`^\\| \`${path.replaceAll(".", "(\\[\\])?\\.").replace("$", "\\$")}\` \\|`, "m"),
      path,
    );
  }
});

test("the description of an optional key states its default", () => {
  const required = (schema: JsonSchema, path = ""): string[] => {
    const at = (name: string) => (path === "" ? name : `${path}.${name}`);
    const items = Array.isArray(schema.items) ? [] : [schema.items ?? {}];
    const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...items].filter((node) => node.properties);
    return [
      ...(schema.required ?? []).map(at),
      ...inner.flatMap((node) => required(node, path)),
      ...Object.entries(schema.properties ?? {}).flatMap(([name, value]) => required(value, at(name))),
    ];
  };
  const schema = trainConfigSchema();
  const must = new Set(required(schema));
  // keys whose absence needs no explanation
  const plain = ["$schema", "steps", "epochs", "loss", "model.load", "data.train", "data.captions", "data.pack"];
  const more = ["data.features", "data.sampling", "data.without", "optimizer.groups.weightDecay"];
  const silent = keysOf(schema)
    .filter(([path, value]) => !must.has(path) && value.default === undefined)
    .filter(([path, { description = "" }]) => !description.includes("Default: ") && ![...plain, ...more].includes(path))
    .map(([path]) => path);
  assert.equal(silent, []);
});

test("every recipe names the schema and satisfies it", () => {
  const recipes = readdirSync("configs").filter((name) => name.endsWith(".json") && name !== "train.schema.json");
  assert.ok(recipes.length >= 7);
  for (const name of recipes) {
    const file = join("configs", name);
    assert.is((JSON.parse(readFileSync(file, "utf8")) as { $schema: string }).$schema, "./train.schema.json", name);
    assert.not("$schema" in readRecipe(file));
  }
});

test.run();
