// .npy arrays are read in the forms that numpy writes: element types, order, refused files.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { npyBytes } from "#lib/weights/npy.js";
import { readNpy } from "#lib/weights/read_npy.js";
import { ByteFile } from "#lib/weights/byte_file.js";
import { bytesOf } from "../support/numbers.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("npy");
const folder = temporaryFolder("npy");

function read(bytes: Uint8Array) {
  const path = join(folder, "array.npy");
  writeFileSync(path, bytes);
  const file = new ByteFile(path);
  try {
    return readNpy(file);
  } finally {
    file.close();
  }
}

function npy(descr: string, order: "True" | "False", shape: string, data: ArrayBufferView): Buffer {
  const header = Buffer.alloc(128, " ");
  header.write("\x93NUMPY\x01\x00", "latin1");
  header.writeUInt16LE(118, 8);
  header.write(`{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`, 10, "latin1");
  return Buffer.concat([header, bytesOf(data)]);
}

test("arrays that this package writes are read, in both precisions", () => {
  const values = Float32Array.from([0, -1.5, 65504, 2 ** -24, Infinity, 0.25]);
  for (const dtype of ["f32", "f16"] as const) {
    const { shape, data } = read(npyBytes(values, [2, 3], dtype));
    assert.equal(shape, [2, 3]);
    assert.equal([...data], [...values]);
  }
});

test("a header with blanks that numpy refuses is refused", () => {
  for (const blank of ["\xa0", "\v"]) {
    const bytes = npy("<f4", "False", "2,", Float32Array.of(1, 2));
    bytes.write(blank, 100, "latin1");
    assert.throws(() => read(bytes), /header that is not descr/);
  }
});

test("Fortran order becomes row-major", () => {
  const { shape, data } = read(
    npy(
      "<i4",
      "True",
      "2, 3, 2",
      Int32Array.from({ length: 12 }, (_, i) => i),
    ),
  );
  assert.equal(shape, [2, 3, 2]);
  // element (i, j, k) is stored at i + 2 j + 6 k
  assert.equal([...data], [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
});

test("64-bit integers, booleans and a scalar are read", () => {
  assert.equal([...read(npy("<i8", "False", "2,", BigInt64Array.from([-5n, 7n]))).data], [-5, 7]);
  assert.equal([...read(npy("|b1", "False", "2,", Uint8Array.from([0, 1]))).data], [0, 1]);
  assert.equal(read(npy("<f8", "False", "", Float64Array.from([2.5]))), { shape: [], data: Float64Array.of(2.5) });
});

test("pickled objects, other byte orders and wrong sizes are refused", () => {
  assert.throws(() => read(npy("|O", "False", "1,", new Uint8Array(8))), /type \|O are not read/);
  assert.throws(() => read(npy(">f4", "False", "1,", new Uint8Array(4))), /type >f4 are not read/);
  assert.throws(() => read(npy("<f4", "False", "3,", new Uint8Array(8))), /does not fit/);
});

test.run();
