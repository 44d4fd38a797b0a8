// Files that safetensors, torch or numpy refuse, or read with other names, are refused or read equally.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ByteFile } from "#lib/weights/byte_file.js";
import { openWeights } from "#lib/weights/index.js";
import { npyBytes } from "#lib/weights/npy.js";
import { readPickle } from "#lib/weights/pickle.js";
import { readNpy } from "#lib/weights/read_npy.js";
import { writeTorchFile } from "../models/torch_file.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("other readers");
const folder = temporaryFolder("readers");
const containers = "test/fixtures/containers";

const refusedFile = (path: string, reason: RegExp) => refused(async () => (await openWeights(path)).close(), reason);

/** A changed copy of a fixture. */
function changed(name: string, change: (bytes: Buffer) => void): string {
  const bytes = readFileSync(join(containers, name));
  change(bytes);
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** Positions after each occurrence of a text. */
function after(bytes: Buffer, text: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text, 0, "latin1"); at >= 0; at = bytes.indexOf(text, at + 1, "latin1"))
    places.push(at + text.length);
  return places;
}

test("a name in a safetensors header with half of a surrogate pair is refused", async () => {
  const write = (name: string) => {
    const header = `{"${name}":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`;
    const size = Buffer.alloc(8);
    size.writeUInt32LE(header.length);
    const path = join(folder, "names.safetensors");
    writeFileSync(path, Buffer.concat([size, Buffer.from(header), Buffer.alloc(4)]));
    return path;
  };
  const whole = await openWeights(write("\\ud83d\\ude00"));
  assert.equal([...whole.tensors.keys()], ["\u{1f600}"]);
  whole.close();
  await refusedFile(write("\\ud800"), /half of a surrogate pair in a string/);
  await refusedFile(write("\\ude00\\ud83d"), /half of a surrogate pair in a string/);
});

test("short strings of pickles are UTF-8, as in torch", () => {
  const read = (...text: number[]) => {
    const path = join(folder, "pickle");
    writeFileSync(path, Buffer.from([0x80, 2, 0x55, text.length, ...text, 0x2e]));
    const file = new ByteFile(path);
    try {
      return readPickle(file, 0, file.size).value;
    } finally {
      file.close();
    }
  };
  assert.is(read(0x63, 0xc3, 0xa9), "cé");
  assert.throws(() => read(0x63, 0xe9), /a string is not UTF-8/);
});

test("the version of a torch.save archive must be one that torch reads", async () => {
  const withVersion = (text: string) =>
    changed("zipfile_written.pth", (bytes) => {
      bytes.write(text, after(bytes, "archive/version")[0], "latin1");
    });
  (await openWeights(withVersion("9\n"))).close();
  for (const text of ["0\n", "11", "Z\n", "\n3"])
    await refusedFile(withVersion(text), /the version of the archive: expected 1 to 10, received/);
});

test("entries of an archive that are strongly encrypted or patches are refused", async () => {
  for (const flag of [0x20, 0x40, 0x2000]) {
    const path = changed("zipfile_written.pth", (bytes) => {
      const at = after(bytes, "PK\x01\x02")[1] + 4;
      bytes.writeUInt16LE(bytes.readUInt16LE(at) | flag, at);
    });
    await refusedFile(path, /is encrypted or a patch/);
  }
});

test("two keys of a dict that become equal text are refused: one of them would be lost", async () => {
  const path = join(folder, "keys.pth");
  writeTorchFile(path, new Map([["", 1], ["0", 2]])); // prettier-ignore
  (await openWeights(path)).close();
  const bytes = readFileSync(path);
  bytes[bytes.indexOf(Buffer.of(0x58, 0, 0, 0, 0))] = 0x4a; // the empty text becomes the integer 0
  writeFileSync(path, bytes);
  await refusedFile(path, /two keys of a dict read "0"/);
});

test("an .npy array of a later minor version is refused", () => {
  const bytes = Buffer.from(npyBytes(Float32Array.of(1, 2), [2], "f32"));
  bytes[7] = 1;
  const path = join(folder, "later.npy");
  writeFileSync(path, bytes);
  const file = new ByteFile(path);
  assert.throws(() => readNpy(file), /\.npy version 1\.1/);
  file.close();
});

test("an index of shards that is not UTF-8 is refused", async () => {
  copyFileSync(join(containers, "valid.safetensors"), join(folder, "valid.safetensors"));
  const file = await openWeights(join(folder, "valid.safetensors"));
  const map = Object.fromEntries([...file.tensors.keys()].map((key) => [key, "valid.safetensors"]));
  file.close();
  const path = join(folder, "model.safetensors.index.json");
  writeFileSync(path, Buffer.from(JSON.stringify({ metadata: { by: "é" }, weight_map: map }), "utf8"));
  (await openWeights(path)).close();
  writeFileSync(path, Buffer.from(JSON.stringify({ metadata: { by: "é" }, weight_map: map }), "latin1"));
  await refusedFile(path, /expected a JSON object \(.*valid/);
});

test.run();
