import { describeValue } from "../base/describe_value.js";
import { InvalidArgumentError } from "../base/errors.js";
import { alternatives } from "../graph/rules.js";
import { closestName, suggestion } from "../base/suggest.js";

/** The error of an option with a wrong value. */
export const wrongOption = (argument: string, expected: string, received: unknown): InvalidArgumentError =>
  new InvalidArgumentError(`${argument}: expected ${expected}, received ${describeValue(received)}`, {
    argument,
    expected,
    received,
  });

/** @throws InvalidArgumentError for a value that is not an object, or an unknown option */
export function checkNames(where: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw wrongOption(where, `an object with ${known.join(", ")}`, given);
  }
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    throw new InvalidArgumentError(`${where}.${name}: unknown option${suggestion(name, known)}`, {
      argument: `${where}.${name}`,
      expected: known,
      received: name,
    });
  }
}

/**
 * Renames an option that is given under its deprecated name.
 * @returns the options, copied if there is something to rename
 * @throws InvalidArgumentError when both names are given
 */
export function renameOption<T>(where: string, given: T, deprecated: string, current: string): T {
  if (typeof given !== "object" || given === null || !(deprecated in given)) return given;
  const { [deprecated]: value, ...rest } = given as Record<string, unknown>;
  if (value === undefined) return rest as T;
  if (rest[current] !== undefined) {
    throw wrongOption(`${where}.${deprecated}`, `${current} alone, of which it is the deprecated name`, value);
  }
  return { ...rest, [current]: value } as T;
}

/**
 * Checks options with a `kind`, which decides which other options there are.
 * @throws InvalidArgumentError for an unknown kind or name
 */
export function checkKind(where: string, given: { kind: string }, fields: Record<string, readonly string[]>): void {
  const kinds = Object.keys(fields);
  const kind: unknown = (given as { kind?: unknown } | undefined)?.kind;
  if (typeof kind !== "string" || !kinds.includes(kind)) {
    const meant = typeof kind === "string" ? closestName(kind, kinds) : undefined;
    const error = wrongOption(`${where}.kind`, alternatives(kinds), kind);
    if (meant === undefined) throw error;
    throw new InvalidArgumentError(`${error.message}; did you mean ${meant}?`, error.details);
  }
  checkNames(where, given, ["kind", ...fields[kind]]);
}
