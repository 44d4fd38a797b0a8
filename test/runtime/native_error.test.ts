// A native failure becomes an error of this package, chosen by its code and not by its message.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "#lib/runtime/binding.js";
import { VideoClipError } from "#lib/base/errors.js";
import { NATIVE_ERRORS, nativeError } from "#lib/runtime/native_error.js";
import { root } from "../../scripts/lint/syntax.js";

const test = suite("native errors");
const header = readFileSync(join(root, "native/cpp/runtime/status.h"), "utf8");
const failure = (code: unknown, message = "what it says") => Object.assign(new Error(message), { code });

test("status.h and native_error.ts have the same codes", () => {
  const body = /enum class StatusCode \{(.*?)\};/s.exec(header)![1].replace(/\/\/.*/g, "");
  const names = body.split(",").map((name) => name.trim());
  assert.equal(names.filter((name) => name && name !== "ok").sort(), Object.keys(NATIVE_ERRORS).sort());
  for (const [, code, name] of header.matchAll(/case StatusCode::(\w+):\s*return "(\w+)"/g)) assert.is(code, name);
});

test("each code has its error class", () => {
  const codes = Object.keys(NATIVE_ERRORS).map((name) => [name, nativeError(failure(name)).code]);
  assert.equal(Object.fromEntries(codes), {
    invalid_argument: "ERR_INVALID_ARGUMENT",
    unsupported: "ERR_UNSUPPORTED",
    out_of_memory: "ERR_OUT_OF_MEMORY",
    device_lost: "ERR_DEVICE_LOST",
    busy: "ERR_BUSY",
    cancelled: "ERR_RUN",
    disposed: "ERR_DISPOSED",
    internal: "ERR_RUN",
  });
});

test("the message does not matter, and a failure without a known code is ERR_RUN", () => {
  for (const message of ["out of memory", "disposed", "device lost"]) {
    assert.is(nativeError(failure(undefined, message)).code, "ERR_RUN");
  }
  for (const code of ["ENOENT", "toString", 3]) assert.is(nativeError(failure(code)).code, "ERR_RUN");
  for (const cause of ["text", undefined, null]) assert.is(nativeError(cause).code, "ERR_RUN");
  const ours = new VideoClipError("ERR_BUSY", "busy");
  assert.is(nativeError(ours), ours);
});

test("the addon throws and rejects with these codes", async () => {
  const { addon } = loadAddon();
  const isas = addon.isas();
  const cpu = isas.findIndex(({ supported }) => supported);
  const engine = new addon.Engine(cpu, 1);
  const codeOf = (call: () => unknown): unknown => {
    try {
      call();
    } catch (error) {
      return (error as { code?: unknown }).code;
    }
    return "no error";
  };
  const program = (op: string, operands: number[]) =>
    engine.createProgram({
      instructions: [{ op, layer: "", attrs: new Float64Array(), operands: Float64Array.from(operands) }],
      arenaBytes: 0,
      inputBytes: [4],
      outputBytes: [4],
      scalars: 0,
      tf32: false,
    });
  assert.is(
    codeOf(() => new addon.Engine(addon.gpus().cuda, 99)),
    "unsupported",
  );
  assert.is(
    codeOf(() => engine.setParameter(1, 2 ** 52)),
    "out_of_memory",
  );
  assert.is(
    codeOf(() => engine.allocate(-1)),
    "invalid_argument",
  );
  assert.is(
    codeOf(() => engine.setParameter(1, "text" as never)),
    "invalid_argument",
  );
  assert.is(
    codeOf(() => engine.map(-1, 0, 64)),
    "unsupported",
  );
  assert.is(
    codeOf(() => program("cast", [1])),
    "internal",
  );
  const vector = (space: number) => [1, space, 0, 0, 0, 1, 1, 1];
  assert.is(
    codeOf(() => program("no_such_op", [...vector(1), ...vector(2)])),
    "unsupported",
  );
  engine.dispose();
  assert.is(
    codeOf(() => engine.allocate(4)),
    "disposed",
  );
});

test.run();
