import type { Program } from "./program.js";

/** Programs by key, the least recently used dropped when their bytes exceed the limit (the newest always stays). */
export class ProgramCache {
  #programs = new Map<string, Program>();

  constructor(readonly limitBytes = 1 << 30) {}

  get bytes(): number {
    return [...this.#programs.values()].reduce((sum, program) => sum + program.bytes, 0);
  }

  get size(): number {
    return this.#programs.size;
  }

  /** The cached program, or the one that `make` compiles. */
  get(key: string, make: () => Program): Program {
    let program = this.#programs.get(key);
    if (program) this.#programs.delete(key);
    program ??= make();
    this.#programs.set(key, program);
    for (const [old, value] of this.#programs) {
      if (this.bytes <= this.limitBytes || old === key) break;
      this.#programs.delete(old);
      value.dispose();
    }
    return program;
  }

  clear(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
  }
}
