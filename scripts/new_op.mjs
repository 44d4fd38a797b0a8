// npm run new-op -- FAMILY/NAME ...: lays out the files of a new op, in every place that an op has, from templates that compile.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { filesOf } from "./new_op_templates.mjs";

const USAGE = `Usage: npm run new-op -- FAMILY/NAME [--input NAME]... [--vector NAME]... [--attribute NAME:TYPE]...

  FAMILY/NAME        a folder of lib/ops, and lower case words joined by _, such as norm/layer_norm
  --input NAME       an input [..., C], whose rows may be a slice; all inputs are alike (default: x)
  --vector NAME      a vector [C], which stays f32 when activations are stored in 16 bits
  --attribute N:TYPE an attribute of type int, float, bool, int[n], float[n] or, as the last one, int[]`;

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

function usage(problem) {
  process.stderr.write(`${problem}\n${USAGE}\n`);
  process.exit(2);
}

/** The name, operands and attributes that the command line asks for. */
function readOptions() {
  const list = { type: "string", multiple: true, default: [] };
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options: { input: list, vector: list, attribute: list } });
  } catch (error) {
    usage(error.message);
  }
  const { positionals, values } = parsed;
  const [family = "", name = "", ...more] = (positionals[0] ?? "").split("/");
  if (positionals.length !== 1 || more.length > 0 || !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name)) {
    usage(
      `expected one FAMILY/NAME, where NAME is lower case words joined by _, received ${JSON.stringify(positionals)}`,
    );
  }
  const folders = readdirSync(join(root, "lib/ops"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  if (!folders.some((folder) => folder.name === family)) {
    usage(
      `expected a family among ${folders.map((folder) => folder.name).join(", ")}, received ${JSON.stringify(family)}`,
    );
  }
  const inputs = values.input.length > 0 ? values.input : ["x"];
  const attributes = values.attribute.map((text) => {
    const [, attribute, type] = /^([^:]*):(int|float|bool|(?:int|float)\[[1-9]\d*\]|int\[\])$/.exec(text) ?? [];
    if (type === undefined) usage(`--attribute: expected NAME:TYPE, received ${text}`);
    return { name: attribute, type };
  });
  if (attributes.slice(0, -1).some(({ type }) => type === "int[]")) usage("--attribute: int[] must be the last one");
  const names = [...inputs, ...values.vector, ...attributes.map((attribute) => attribute.name)];
  // operands and attributes meet as variables in one function; y, r, c and the like are taken by the templates
  const taken = new Set(["y", "r", "c", "i", "g", "C", "row", "dy", "emit", "attrs", "call", "size", "dtype", "step"]);
  for (const [i, each] of names.entries()) {
    if (!/^[a-z][a-zA-Z0-9]*$/.test(each) || taken.has(each) || names.indexOf(each) < i) {
      usage(`expected names in camelCase that differ from each other and from y, received ${each}`);
    }
  }
  return { family, name, inputs, vectors: values.vector, attributes };
}

/** Adds a line to the sorted lines that match, starting after a line that contains `after`. */
function addLine(path, line, matches, after = "") {
  const lines = readFileSync(path, "utf8").split("\n");
  const from = lines.findIndex((text) => text.includes(after));
  let at = lines.findIndex((text, i) => i >= from && matches.test(text));
  while (matches.test(lines[at]) && lines[at] < line) at++;
  lines.splice(at, 0, line);
  writeFileSync(path, lines.join("\n"));
}

/** Runs a tool of this package over files. */
function run(...args) {
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  if (status === 0) return;
  process.stderr.write(stderr);
  process.exit(1);
}

const options = readOptions();
const { family, name } = options;
process.chdir(root);
const files = filesOf(options);
const taken = Object.keys(files).filter((path) => existsSync(path));
if (taken.length > 0) {
  process.stderr.write(`${name}: ${taken.join(", ")} already there\n`);
  process.exit(1);
}
for (const [path, text] of Object.entries(files)) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
addLine("native/ops.cmake", `  ${family}/${name}`, /^ {2}[a-z]/, "set(VIDEOCLIP_OPS");
addLine("lib/ops/index.ts", `export * from "./${family}/${name}.js";`, /^export \* from/);
addLine("test/ops/cases/index.ts", `import "./${family}/${name}.js";`, /^import "/);
run("--import", "tsx", "scripts/op_attributes.ts");
run("node_modules/prettier/bin/prettier.cjs", "--write", ...Object.keys(files).filter((path) => path.endsWith(".ts")));
run("scripts/format_native.mjs", ...Object.keys(files).filter((path) => !path.endsWith(".ts")));

process.stdout
  .write(`${[...Object.keys(files), "native/ops.cmake", "lib/ops/index.ts", "test/ops/cases/index.ts"].join("\n")}
The op computes the formula of the templates. Now: its own one in the contract, in \`formula\` of the definition and of
both kernels, in the gradient and in the ONNX form; its cases, and the other facts that docs/adding_an_op.md lists; then
npm run build && VIDEOCLIP_OPS=${name} node scripts/test.mjs --full conformance gradients.
`);
