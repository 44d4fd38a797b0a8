// One function passes clips to an encoder, and one opens decoders.
import { join } from "node:path";
import ts from "typescript";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nodes, parse, root, sources } from "../../scripts/lint/syntax.js";

const test = suite("roads");
const lib = join(root, "lib");

/** The outermost function, method or class that contains a node. */
function where(node: ts.Node): string {
  const names: string[] = [];
  for (let at: ts.Node | undefined = node; at; at = at.parent) {
    if (ts.isFunctionDeclaration(at) || ts.isMethodDeclaration(at) || ts.isClassDeclaration(at)) {
      names.unshift(at.name?.getText() ?? "");
    }
  }
  return names.join(".");
}

/** Calls of a file, with the function that contains them. */
const callsOf = (file: string) =>
  [...nodes(parse(join(lib, file)))].flatMap((node) =>
    ts.isCallExpression(node) ? [{ call: node, place: `${file}: ${where(node)}` }] : [],
  );

const calls = sources(lib).flatMap(callsOf);

/** The functions with matching calls; there should be one. */
function onlyPlace(fits: (call: ts.CallExpression) => boolean): string[] {
  return [...new Set(calls.filter(({ call }) => fits(call)).map(({ place }) => place))];
}

const method = ({ expression }: ts.CallExpression): { of: string; name: string } | undefined =>
  ts.isPropertyAccessExpression(expression)
    ? { of: expression.expression.getText(), name: expression.name.text }
    : undefined;

test("one function passes clips to an encoder", () => {
  const encoders = onlyPlace((call) => method(call)?.name === "encode" && /ncoder$/.test(method(call)!.of));
  assert.equal(encoders, [
    "features/index_text_encoder.ts: openS3DTextEncoder", // for texts
    "models/encode_clips.ts: encodeBatch",
    "onnx/protobuf.ts: Message.string", // for UTF-8
    "serve/text_encoders.ts: encodeAll", // for texts
  ]);
  assert.equal(
    onlyPlace((call) => call.expression.getText() === "encodeBatch"),
    ["models/encode_clips.ts: encodeClips"],
  );
});

test("one function runs a program on clips", () => {
  const runs = onlyPlace(
    (call) =>
      method(call)?.name === "run" &&
      call.arguments.some(
        (argument) =>
          ts.isObjectLiteralExpression(argument) && argument.properties.some((p) => p.name?.getText() === "clips"),
      ),
  );
  assert.equal(runs, ["models/video/video_encoder.ts: VideoEncoder.#run"]);
});

test("extraction, VideoCLIP and views use the same function", () => {
  const users = onlyPlace((call) => call.expression.getText() === "encodeClips");
  assert.equal(users, [
    "features/extract.ts: extractEvents",
    "features/views.ts: averageViewsOf",
    "models/videoclip/videoclip_files.ts: VideoFiles.read",
  ]);
  const readers = onlyPlace((call) => call.expression.getText() === "readClips");
  assert.equal(readers, [
    "features/extract.ts: extractEvents",
    "features/views.ts: viewsOf",
    "models/videoclip/videoclip_files.ts: VideoFiles.read",
  ]);
});

test("one function opens decoders, and one limits their time", () => {
  const opened = onlyPlace((call) => /^(decodeVideo|openVideo|decode)$/.test(call.expression.getText()));
  assert.equal(opened, ["video/index.ts: openVideo", "video/read_clips.ts: readVideo"]);
  const timers = calls.filter(
    ({ call }) => call.expression.getText() === "setTimeout" && /timeout/.test(call.getText()),
  );
  assert.equal([...new Set(timers.map(({ place }) => place))], ["video/read_clips.ts: inTime"]);
});

test.run();
