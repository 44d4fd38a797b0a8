// Writes checkpoints as torch.save does (a stored zip with a protocol 2 pickle), with objects that do not belong in
// weight files.
import { writeFileSync } from "node:fs";
import { floatToHalf } from "#lib/base/half_floats.js";

/** An object of a class, created by NEWOBJ, with a state set by BUILD. */
export class Foreign {
  constructor(
    readonly module: string,
    readonly name: string,
    readonly state: PickleValue = null,
  ) {}
}

export class HalfTensor {
  constructor(
    readonly shape: readonly number[],
    readonly data: Float32Array,
  ) {}
}

export type PickleValue = null | number | string | Foreign | HalfTensor | Map<string, PickleValue>;

const bytes = (...values: number[]) => Buffer.from(values);

function int(value: number): Buffer {
  const out = Buffer.alloc(5);
  out[0] = 0x4a;
  out.writeInt32LE(value, 1);
  return out;
}

function text(value: string): Buffer {
  const data = Buffer.from(value);
  const head = Buffer.alloc(5);
  head[0] = 0x58;
  head.writeUInt32LE(data.length, 1);
  return Buffer.concat([head, data]);
}

const global = (module: string, name: string) => Buffer.from(`c${module}\n${name}\n`);
const tuple = (items: Buffer[]) => Buffer.concat([bytes(0x28), ...items, bytes(0x74)]);

/** A pickle of the value; its tensors are added to `storages`. */
function pickle(value: PickleValue, storages: Buffer[]): Buffer {
  if (value === null) return bytes(0x4e);
  if (typeof value === "number") return int(value);
  if (typeof value === "string") return text(value);
  if (value instanceof Foreign) {
    const made = Buffer.concat([global(value.module, value.name), bytes(0x29, 0x81)]);
    return Buffer.concat([made, pickle(value.state, storages), bytes(0x62)]);
  }
  if (value instanceof HalfTensor) {
    const half = Uint16Array.from(value.data, floatToHalf);
    const id = [
      text("storage"),
      global("torch", "HalfStorage"),
      text(`${storages.length}`),
      text("cpu"),
      int(half.length),
    ];
    storages.push(Buffer.from(half.buffer));
    const strides = value.shape.map((_, i) => value.shape.slice(i + 1).reduce((a, b) => a * b, 1));
    const args = [
      Buffer.concat([tuple(id), bytes(0x51)]),
      int(0),
      tuple(value.shape.map(int)),
      tuple(strides.map(int)),
      bytes(0x89),
      Buffer.concat([global("collections", "OrderedDict"), bytes(0x29, 0x52)]),
    ];
    return Buffer.concat([global("torch._utils", "_rebuild_tensor_v2"), tuple(args), bytes(0x52)]);
  }
  const items = [...value].flatMap(([key, item]) => [text(key), pickle(item, storages)]);
  return Buffer.concat([bytes(0x7d, 0x28), ...items, bytes(0x75)]);
}

/** Writes a checkpoint. */
export function writeTorchFile(path: string, root: PickleValue): void {
  const storages: Buffer[] = [];
  const data = Buffer.concat([bytes(0x80, 2), pickle(root, storages), bytes(0x2e)]);
  const entries: [string, Buffer][] = [["a/data.pkl", data]];
  storages.forEach((storage, i) => entries.push([`a/data/${i}`, storage]));
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, content] of entries) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt32LE(content.length, 20);
    central.writeUInt32LE(content.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(at, 42);
    directory.push(central, Buffer.from(name));
    files.push(local, Buffer.from(name), content);
    at += 30 + name.length + content.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(at, 16);
  writeFileSync(path, Buffer.concat([...files, ...directory, end]));
}
