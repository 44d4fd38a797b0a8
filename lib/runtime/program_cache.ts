import type { Program } from "./program.js";

/**
 * Programs by key. The least recently used programs are dropped when their bytes or their number exceed a limit; the
 * newest stays.
 */
export class ProgramCache {
  #programs = new Map<string, Program>();
  #bytes = 0;

  constructor(
    readonly limitBytes = 1 << 30,
    readonly limit = 4096,
  ) {}

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#programs.size;
  }

  /** The cached program, or the one that `make` compiles. */
  get(key: string, make: () => Program): Program {
    const found = this.#programs.get(key);
    if (found) this.#programs.delete(key);
    const program = found ?? make();
    this.#programs.set(key, program);
    if (!found) this.#bytes += program.bytes;
    for (const [old, value] of this.#programs) {
      if ((this.#bytes <= this.limitBytes && this.size <= this.limit) || old === key) break;
      this.#programs.delete(old);
      this.#bytes -= value.bytes;
      value.dispose();
    }
    return program;
  }

  clear(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
    this.#bytes = 0;
  }
}
