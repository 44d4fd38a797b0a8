// A random call of a public op, determined by its seed and index.
import { inspect } from "node:util";
import { Random } from "#lib/base/random.js";
import { models } from "./models.js";
import { below, chance, made, nasty, pick, spoil } from "./values.js";

export interface Call {
  name: string;
  args: unknown[];
  /** The arguments are correct: the op must accept them. */
  valid: boolean;
}

const names = Object.keys(models);

export function makeCall(seed: number, index: number): Call {
  const r = new Random(seed, 0, index);
  const name = pick(r, names);
  made.length = 0;
  if (chance(r, 0.03)) return { name, args: Array.from({ length: below(r, 4) }, () => nasty(r)), valid: false };
  const args = models[name].make(r);
  const valid = chance(r, 0.4);
  for (let n = valid ? 0 : 1 + below(r, 2); n > 0; n--) spoil(r, args);
  return { name, args, valid };
}

/** The call as text. */
export function describeCall(seed: number, index: number): string {
  const { name, args } = makeCall(seed, index);
  return `seed ${seed} index ${index}: ${name}(${args.map(describe).join(", ")})`;
}

function describe(value: unknown): string {
  try {
    return inspect(value, { depth: 4, breakLength: Infinity, maxArrayLength: 12, maxStringLength: 60 });
  } catch {
    return "a value that cannot be shown";
  }
}
