// Every container fixture loads with exact values, or is refused with an error that names the file and a byte or key.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WeightsError } from "#lib/base/errors.js";
import { readFloats } from "#lib/weights/float_values.js";
import { type StoredTensor, type Tree } from "#lib/weights/index.js";
import { readTree } from "#lib/weights/open_weights.js";
import { ByteFile } from "#lib/weights/byte_file.js";

const test = suite("containers");
const folder = "test/fixtures/containers";
const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));

function at(root: Tree, path: (string | number)[]): StoredTensor {
  let value: Tree | undefined = root;
  for (const key of path) value = value instanceof Map ? value.get(String(key)) : (value as Tree[])[key as number];
  return value as StoredTensor;
}

for (const entry of manifest.files) {
  test(`${entry.expect}: ${entry.file}`, async () => {
    const file = new ByteFile(join(folder, entry.file));
    try {
      let root: Tree;
      try {
        root = readTree(file).root;
      } catch (error) {
        assert.instance(error, WeightsError);
        const { details, message } = error as WeightsError;
        assert.ok(details.byte !== undefined || details.key !== undefined, `names a byte or key: ${message}`);
        assert.is.not(entry.expect, "load", message);
        return;
      }
      assert.is.not(entry.expect, "refuse", `refused because: ${entry.reason}`);
      for (const expected of entry.tensors ?? []) {
        const tensor = at(root, expected.path);
        assert.is(tensor.dtype, expected.dtype);
        assert.equal(tensor.shape, expected.shape);
        assert.is(createHash("sha256").update(tensor.read()).digest("hex"), expected.sha256, expected.path.join("."));
        const values = await readFloats(tensor);
        expected.first.forEach((v: number, i: number) => {
          assert.is(values[i], Math.fround(v));
        });
      }
    } finally {
      file.close();
    }
    assert.not.ok(existsSync(manifest.marker));
  });
}

test.run();
