import type { ByteFile } from "./tensor.js";

/**
 * A pickle interpreter that only makes data. A GLOBAL is looked up in an exact-match table and yields a marker; nothing is
 * imported, constructed or called. Opcodes and allowed names follow PyTorch's weights-only reader; the limits are ours.
 */

/** A name from the allow-list. `kind` says what REDUCE on it means. */
export class Global {
  constructor(
    readonly name: string,
    readonly kind: "dict" | "tensor" | "parameter" | "size" | "storage" | "dtype" | "opaque",
  ) {}
}

/** Something that is not constructed: a namespace, a numpy scalar. */
export class Opaque {
  constructor(readonly name: string) {}
}

/** A reference to a storage: `('storage', class, key, location, numel)`. */
export class StorageRef {
  constructor(
    readonly storage: Global,
    readonly key: string,
    readonly numel: number,
    readonly view: readonly [string, number, number] | null,
  ) {}
}

export class TensorRef {
  constructor(
    readonly storage: StorageRef,
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

export class Tuple {
  constructor(readonly items: Value[]) {}
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | Tuple
  | Map<Value, Value>
  | Global
  | Opaque
  | StorageRef
  | TensorRef;

const STORAGES = ["Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"];
const ALLOWED = new Map<string, Global>([
  ...STORAGES.map((s) => [`torch ${s}Storage`, new Global(`${s}Storage`, "storage")] as const),
  ["collections OrderedDict", new Global("OrderedDict", "dict")],
  ["torch._utils _rebuild_tensor_v2", new Global("_rebuild_tensor_v2", "tensor")],
  ["torch._utils _rebuild_parameter", new Global("_rebuild_parameter", "parameter")],
  ["torch Size", new Global("Size", "size")],
  ["argparse Namespace", new Global("argparse.Namespace", "opaque")],
  ["numpy.core.multiarray scalar", new Global("numpy scalar", "opaque")],
  ["numpy._core.multiarray scalar", new Global("numpy scalar", "opaque")],
  ["numpy dtype", new Global("numpy dtype", "opaque")],
  ["_codecs encode", new Global("_codecs.encode", "opaque")],
]);

const MAX_BYTES = 64 << 20;
const MAX_OPS = 4_000_000;
const MAX_RANK = 8;
const MARK = Symbol("mark");

export interface PickleOptions {
  /**
   * Names outside the allow-list become opaque values, which are neither imported nor called and hold nothing, instead of
   * an error: for checkpoints that keep a trainer's objects beside the weights. Default false.
   */
  skipForeign?: boolean;
}

/** Interprets one pickle that begins at `start`; returns its value and the byte after STOP. */
export function readPickle(
  file: ByteFile,
  start: number,
  end: number,
  options: PickleOptions = {},
): { value: Value; end: number } {
  if (end - start > MAX_BYTES) end = start + MAX_BYTES;
  const bytes = file.read(start, end - start);
  return new Machine(file, bytes, start, options.skipForeign ?? false).run();
}

class Machine {
  #at = 0;
  #stack: (Value | typeof MARK)[] = [];
  #memo = new Map<number, Value>();

  constructor(
    readonly file: ByteFile,
    readonly bytes: Buffer,
    readonly start: number,
    readonly skipForeign: boolean,
  ) {}

  fail(message: string): Error {
    return this.file.fail(`pickle: ${message}`, this.start + this.#at);
  }

  take(length: number): Buffer {
    if (length < 0 || this.#at + length > this.bytes.length) throw this.fail(`${length} bytes reach beyond the pickle`);
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.#at);
    if (end < 0 || end - this.#at > 256) throw this.fail("a name without an end");
    const text = this.bytes.toString("latin1", this.#at, end);
    this.#at = end + 1;
    return text;
  }

  text(length: number): string {
    const raw = this.take(length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
    } catch {
      throw this.fail("a string is not UTF-8");
    }
  }

  pop(): Value {
    const value = this.#stack.pop();
    if (value === undefined || value === MARK) throw this.fail("the stack is empty");
    return value;
  }

  top(): Value {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) throw this.fail("the stack is empty");
    return value;
  }

  popMark(): Value[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw this.fail("no mark on the stack");
    const items = this.#stack.splice(at) as Value[];
    return items.slice(1);
  }

  put(index: number): void {
    this.#memo.set(index, this.top());
  }

  get(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.fail(`memo ${index} is not set`);
    this.#stack.push(value);
  }

  run(): { value: Value; end: number } {
    for (let ops = 0; ; ops++) {
      if (ops > MAX_OPS) throw this.fail("too many instructions");
      const op = this.take(1)[0];
      if (op === 0x2e) {
        const value = this.pop();
        if (this.#stack.length > 0) throw this.fail("more than one value at the end");
        return { value, end: this.start + this.#at };
      }
      this.step(op);
    }
  }

  step(op: number): void {
    const stack = this.#stack;
    switch (op) {
      case 0x80: {
        const version = this.take(1)[0];
        if (version < 2 || version > 4) throw this.fail(`protocol ${version}`);
        break;
      }
      case 0x28:
        stack.push(MARK);
        break;
      case 0x4e:
        stack.push(null);
        break;
      case 0x88:
      case 0x89:
        stack.push(op === 0x88);
        break;
      case 0x4a:
        stack.push(this.take(4).readInt32LE(0));
        break;
      case 0x4b:
        stack.push(this.take(1)[0]);
        break;
      case 0x4d:
        stack.push(this.take(2).readUInt16LE(0));
        break;
      case 0x8a:
        stack.push(this.long());
        break;
      case 0x47:
        stack.push(this.take(8).readDoubleBE(0));
        break;
      case 0x58:
        stack.push(this.text(this.take(4).readUInt32LE(0)));
        break;
      case 0x8c:
        stack.push(this.text(this.take(1)[0]));
        break;
      case 0x55:
        stack.push(this.take(this.take(1)[0]).toString("latin1"));
        break;
      case 0x43:
        stack.push(Uint8Array.from(this.take(this.take(1)[0])));
        break;
      case 0x29:
        stack.push(new Tuple([]));
        break;
      case 0x85:
      case 0x86:
      case 0x87: {
        const items = Array.from({ length: op - 0x84 }, () => this.pop());
        stack.push(new Tuple(items.reverse()));
        break;
      }
      case 0x74:
        stack.push(new Tuple(this.popMark()));
        break;
      case 0x5d:
        stack.push([]);
        break;
      case 0x7d:
        stack.push(new Map());
        break;
      case 0x61:
        this.append([this.pop()]);
        break;
      case 0x65:
        this.append(this.popMark());
        break;
      case 0x73: {
        const value = this.pop();
        this.setItems([this.pop(), value]);
        break;
      }
      case 0x75:
        this.setItems(this.popMark());
        break;
      case 0x71:
        this.put(this.take(1)[0]);
        break;
      case 0x72:
        this.put(this.take(4).readUInt32LE(0));
        break;
      case 0x68:
        this.get(this.take(1)[0]);
        break;
      case 0x6a:
        this.get(this.take(4).readUInt32LE(0));
        break;
      case 0x63:
        stack.push(this.global(this.line(), this.line()));
        break;
      case 0x51:
        stack.push(this.storage(this.pop()));
        break;
      case 0x52: {
        const args = this.pop();
        stack.push(this.reduce(this.pop(), args));
        break;
      }
      case 0x81: {
        const args = this.pop();
        const type = this.pop();
        const makes = type instanceof Global && (type.name === "argparse.Namespace" || this.foreign(type));
        if (!(args instanceof Tuple) || !makes) {
          throw this.fail("NEWOBJ of a class that is not allowed");
        }
        stack.push(new Opaque(type.name));
        break;
      }
      case 0x62: {
        this.pop(); // an OrderedDict's attributes or an opaque state: not needed
        const target = this.top();
        if (!(target instanceof Opaque) && !(target instanceof Map))
          throw this.fail("BUILD on a value that has no state");
        break;
      }
      default:
        this.#at--;
        throw this.fail(`opcode 0x${op.toString(16)} is not allowed`);
    }
  }

  long(): number | bigint {
    const length = this.take(1)[0];
    if (length > 16) throw this.fail(`an integer of ${length} bytes`);
    let value = 0n;
    this.take(length).forEach((byte, i) => {
      value |= BigInt(byte) << BigInt(8 * i);
    });
    value = BigInt.asIntN(8 * length, value);
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  global(module: string, name: string): Global {
    const found = ALLOWED.get(`${module} ${name}`);
    if (found) return found;
    if (!this.skipForeign) throw this.fail(`${JSON.stringify(`${module}.${name}`)} is not allowed in a weight file`);
    return new Global(`${module}.${name}`, "opaque");
  }

  /** Whether a value is, or came from, a name that is skipped. */
  foreign(value: Value): boolean {
    return this.skipForeign && (value instanceof Opaque || (value instanceof Global && value.kind === "opaque"));
  }

  append(items: Value[]): void {
    const list = this.top();
    if (this.foreign(list)) return;
    if (!Array.isArray(list)) throw this.fail("APPEND to a value that is not a list");
    for (const item of items) list.push(item);
  }

  setItems(items: Value[]): void {
    const map = this.top();
    if (this.foreign(map)) return;
    if (!(map instanceof Map)) throw this.fail("SETITEM on a value that is not a dict");
    if (items.length % 2) throw this.fail("SETITEMS with an odd number of values");
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (Array.isArray(key) || key instanceof Map) throw this.fail("a list or dict as a dict key");
      map.set(key, items[i + 1]);
    }
  }

  storage(id: Value): StorageRef {
    const items = id instanceof Tuple ? id.items : [];
    const [tag, type, key, location, numel, view] = items;
    const ok =
      (items.length === 5 || items.length === 6) &&
      tag === "storage" &&
      type instanceof Global &&
      type.kind === "storage" &&
      typeof key === "string" &&
      typeof location === "string" &&
      typeof numel === "number" &&
      Number.isSafeInteger(numel) &&
      numel >= 0;
    if (!ok) throw this.fail("a persistent id that is not a storage");
    let part: [string, number, number] | null = null;
    if (view instanceof Tuple) {
      const [name, offset, size] = view.items;
      if (typeof name !== "string" || typeof offset !== "number" || typeof size !== "number")
        throw this.fail("broken storage view");
      part = [name, offset, size];
    } else if (view !== undefined && view !== null) {
      throw this.fail("broken storage view");
    }
    return new StorageRef(type, key, numel, part);
  }

  reduce(callee: Value, args: Value): Value {
    if (callee instanceof Opaque && this.foreign(callee) && args instanceof Tuple) return callee;
    if (!(callee instanceof Global) || !(args instanceof Tuple))
      throw this.fail("REDUCE of a value that is not allowed");
    const { items } = args;
    switch (callee.kind) {
      case "dict":
        return this.orderedDict(items);
      case "tensor":
        return this.tensor(items);
      case "parameter":
        if (items.length !== 3 || !(items[0] instanceof TensorRef)) throw this.fail("a parameter without a tensor");
        return items[0];
      case "size":
        if (items.length !== 1 || !(items[0] instanceof Tuple)) throw this.fail("a Size without sizes");
        return items[0];
      case "opaque":
        return new Opaque(callee.name);
      default:
        throw this.fail(`${callee.name} cannot be called`);
    }
  }

  orderedDict(items: Value[]): Map<Value, Value> {
    const map = new Map<Value, Value>();
    if (items.length === 0) return map;
    if (items.length !== 1 || !Array.isArray(items[0])) throw this.fail("an OrderedDict that is not made from pairs");
    for (const pair of items[0]) {
      const entry = pair instanceof Tuple ? pair.items : Array.isArray(pair) ? pair : [];
      if (entry.length !== 2 || Array.isArray(entry[0]) || entry[0] instanceof Map)
        throw this.fail("an OrderedDict pair");
      map.set(entry[0], entry[1]);
    }
    return map;
  }

  tensor(items: Value[]): TensorRef {
    const [storage, offset, size, stride, grad, hooks] = items;
    const ints = (value: Value): number[] | undefined =>
      value instanceof Tuple && value.items.every((n) => typeof n === "number" && Number.isSafeInteger(n) && n >= 0)
        ? (value.items as number[])
        : undefined;
    const shape = ints(size);
    const strides = ints(stride);
    if (!(storage instanceof StorageRef) || items.length < 6 || items.length > 7)
      throw this.fail("a tensor without a storage");
    if (typeof offset !== "number" || !Number.isSafeInteger(offset) || offset < 0)
      throw this.fail("a negative or broken storage offset");
    if (!shape || !strides) throw this.fail("tensor sizes and strides must be non-negative integers");
    if (shape.length !== strides.length || shape.length > MAX_RANK)
      throw this.fail(`a tensor of ${shape.length} sizes and ${strides.length} strides`);
    if (typeof grad !== "boolean" || !(hooks instanceof Map) || hooks.size > 0) throw this.fail("a tensor with hooks");
    return new TensorRef(storage, offset, shape, strides);
  }
}
