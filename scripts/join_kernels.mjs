// node scripts/join_kernels.mjs OUT IMAGE...: writes the GPU file, which holds the device code of each op. An image is
// named after its op; OP.fatbin and OP.PART.fatbin are both images of OP. native/cpp/runtime/device_code.cc reads the
// file: a magic number and the number of images, for each image its name (48 bytes, padded with zeros), offset and size
// (u64), then the images at multiples of 64 bytes.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";

const NAME_BYTES = 48;
const ENTRY_BYTES = NAME_BYTES + 16;
const [out, ...paths] = process.argv.slice(2);

const header = Buffer.alloc(16 + paths.length * ENTRY_BYTES);
header.write("VCGPU001", "latin1");
header.writeBigUInt64LE(BigInt(paths.length), 8);
const parts = [header];
let offset = header.length;
for (const [i, path] of paths.entries()) {
  const name = basename(path).split(".")[0];
  if (Buffer.byteLength(name) >= NAME_BYTES) throw new Error(`The name ${name} is longer than ${NAME_BYTES - 1} bytes`);
  const image = readFileSync(path);
  const padding = Buffer.alloc((64 - (offset % 64)) % 64);
  offset += padding.length;
  const entry = 16 + i * ENTRY_BYTES;
  header.write(name, entry);
  header.writeBigUInt64LE(BigInt(offset), entry + NAME_BYTES);
  header.writeBigUInt64LE(BigInt(image.length), entry + NAME_BYTES + 8);
  parts.push(padding, image);
  offset += image.length;
}
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, Buffer.concat(parts));
