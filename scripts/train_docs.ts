// Writes configs/train.schema.json and the tables of docs/training.md from the schema of run files: npm run docs:train
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type JsonSchema, trainConfigSchema } from "../dist/train/index.js";

const SCHEMA = new URL("../configs/train.schema.json", import.meta.url);
const PAGE = new URL("../docs/training.md", import.meta.url);
const [BEGIN, END] = ["<!-- keys: written by npm run docs:train -->", "<!-- end of keys -->"];

/** The text of configs/train.schema.json. */
export const schemaText = (): string => `${JSON.stringify(trainConfigSchema(), null, 2)}\n`;

/** A key of a run file. */
interface Key {
  /** Path of the key with dots: `schedule.learningRate`; `[]` stands for the items of a list. */
  path: string;
  /** The valid values; for `task` and `kind` one of several constants, each with its meaning. */
  value: string;
  constants: Map<string, string>;
  /** The default, `required`, or nothing if the meaning has it. */
  fallback: string;
  meaning: string;
  /** Tasks, optimizers or schedules with this key. */
  of: Set<string>;
}

/** Every key of the run file; equal keys of alternatives are joined. */
function keysOf(schema: JsonSchema): Key[] {
  const keys = new Map<string, Key>();
  const visit = (node: JsonSchema, path: string, of: string): void => {
    for (const alternative of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) {
      const kind = alternative.properties?.kind?.const ?? alternative.properties?.task?.const;
      visit(alternative, path, kind === undefined ? of : String(kind));
    }
    if (node.items && !Array.isArray(node.items)) visit(node.items, `${path}[]`, of);
    for (const [name, value] of Object.entries(node.properties ?? {})) {
      const place = path === "" ? name : `${path}.${name}`;
      const required = node.required?.includes(name) ?? false;
      const [shown, fallback] = [valueOf(value), required ? "required" : defaultOf(value)];
      const { description = "" } = value;
      const isKind = typeof value.const === "string";
      const id = isKind ? place : [place, shown, fallback, description].join("\n");
      const key = keys.get(id) ?? { path: place, value: shown, constants: new Map(), fallback, meaning: description, of: new Set() }; // prettier-ignore
      keys.set(id, key);
      key.of.add(of);
      if (isKind) key.constants.set(shown, description);
      visit(value, place, of);
    }
  };
  visit(schema, "", "");
  return [...keys.values()];
}

const defaultOf = (schema: JsonSchema): string =>
  schema.default === undefined ? "" : `\`${JSON.stringify(schema.default)}\``;

/** The valid values, in words. */
function valueOf(schema: JsonSchema): string {
  const { type, minimum, exclusiveMinimum, maximum, exclusiveMaximum } = schema;
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return listed(schema.enum.map((value) => `\`${JSON.stringify(value)}\``));
  if (schema.oneOf) return "object";
  if (schema.anyOf) return listed(schema.anyOf.map(valueOf));
  if (Array.isArray(schema.items)) return `[${schema.items.map(valueOf).join(", ")}]`;
  if (schema.items) return `list of ${valueOf(schema.items)}`;
  const bounds = [
    exclusiveMinimum === undefined ? "" : `above ${exclusiveMinimum}`,
    minimum === undefined ? "" : `from ${minimum}`,
    maximum === undefined ? "" : `to ${maximum}`,
    exclusiveMaximum === undefined ? "" : `to below ${exclusiveMaximum}`,
  ].filter((text) => text !== "");
  return [type === "string" ? "text" : String(type), ...bounds].join(" ");
}

const listed = (texts: readonly string[]): string =>
  texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} or ${texts[texts.length - 1]}`;

/** Sections of the reference: a heading and its keys. */
function sections(keys: readonly Key[]): [string, Key[]][] {
  const below = (name: string) => keys.filter(({ path }) => path.startsWith(`${name}.`));
  const tasks = [...keys.find(({ path }) => path === "task")!.of];
  return [
    ["The run", keys.filter(({ path }) => !path.includes("."))],
    ["`optimizer`", below("optimizer")],
    ["`schedule`", below("schedule")],
    ["`model`", below("model")],
    ...tasks.map((task): [string, Key[]] => [`\`data\` of ${task}`, below("data").filter(({ of }) => of.has(task))]),
    ["`loss`", below("loss")],
  ];
}

function table(keys: readonly Key[], all: ReadonlySet<string>): string {
  const differ = keys.some(({ of }) => of.size < all.size);
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const row = (cells: string[]) => `| ${cells.map(cell).join(" | ")} |`;
  const head = ["Key", "Value", "Default", "Meaning", ...(differ ? ["For"] : [])];
  return [
    row(head),
    row(head.map(() => "---")),
    ...keys.map((key) => {
      const of = key.of.size < all.size ? [...key.of].join(", ") : "all";
      return row([`\`${key.path}\``, ...described(key), ...(differ ? [of] : [])]);
    }),
  ].join("\n");
}

/** Value, default and meaning of a key. */
function described({ value, constants, fallback, meaning }: Key): string[] {
  if (constants.size === 0) return [value, fallback, meaning];
  const meanings = [...constants].map(([constant, text]) => `${constant}: ${text}`);
  return [listed([...constants.keys()]), fallback, meanings.join(" ")];
}

/** The tables of all keys, for docs/training.md between two comments. */
export function keyTables(): string {
  const keys = keysOf(trainConfigSchema());
  return sections(keys)
    .map(([heading, list]) => {
      const all = new Set(list.flatMap(({ of }) => [...of]));
      return `### ${heading}\n\n${table(list, heading.startsWith("`data`") ? new Set([""]) : all)}\n`;
    })
    .join("\n");
}

/** A page with the tables inserted between its two comments. */
export function withTables(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/training.md: expected ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${keyTables()}\n${page.slice(end)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(SCHEMA, schemaText());
  writeFileSync(PAGE, withTables(readFileSync(PAGE, "utf8")));
  for (const file of [SCHEMA, PAGE]) process.stdout.write(`${fileURLToPath(file)}\n`);
}
