import { rebuild, storageRef } from "./pickle_rebuild.js";
import { ALLOWED, Global, Opaque, Tuple, type Value } from "./pickle_values.js";
import { asBuffer } from "./as_buffer.js";
import type { ByteFile } from "./byte_file.js";

/**
 * A pickle interpreter that only makes data. A GLOBAL is looked up in an exact-match table and yields a marker; nothing
 * is imported, constructed or called. Opcodes and allowed names follow PyTorch's weights-only reader; the limits are
 * ours.
 */

const MAX_BYTES = 64 << 20;
const MAX_OPS = 4_000_000;
const MARK = Symbol("mark");

/**
 * Interprets one pickle that begins at `start`; returns its value and the position after STOP.
 * @param skipped if given, names outside the allow-list are added to it and become opaque, empty values instead of an
 * error; they are neither imported nor called
 */
export function readPickle(
  file: ByteFile,
  start: number,
  end: number,
  skipped?: Set<string>,
): { value: Value; end: number } {
  if (end - start > MAX_BYTES) end = start + MAX_BYTES;
  const bytes = asBuffer(file.read(start, end - start));
  return new Machine(file, bytes, start, skipped).run();
}

class Machine {
  #at = 0;
  #stack: (Value | typeof MARK)[] = [];
  #memo = new Map<number, Value>();

  constructor(
    readonly file: ByteFile,
    readonly bytes: Buffer,
    readonly start: number,
    readonly skipped: Set<string> | undefined,
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
        stack.push(this.text(this.take(1)[0]));
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
        stack.push(storageRef(this.pop(), (message) => this.fail(message)));
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
        this.pop(); // attributes of an OrderedDict or an opaque state, which are not needed
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
    const full = `${module}.${name}`;
    if (!this.skipped) throw this.fail(`${JSON.stringify(full)} is not allowed in a weight file`);
    this.skipped.add(full);
    return new Global(full, "opaque");
  }

  /** Whether a value is a skipped name, or was made from one. */
  foreign(value: Value): boolean {
    return (
      this.skipped !== undefined && (value instanceof Opaque || (value instanceof Global && value.kind === "opaque"))
    );
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

  reduce(callee: Value, args: Value): Value {
    if (callee instanceof Opaque && this.foreign(callee) && args instanceof Tuple) return callee;
    if (!(callee instanceof Global) || !(args instanceof Tuple))
      throw this.fail("REDUCE of a value that is not allowed");
    return rebuild(callee, args.items, (message) => this.fail(message));
  }
}
