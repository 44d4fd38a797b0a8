import { distance } from "fastest-levenshtein";
import { type ErrorDetails, InvalidArgumentError } from "./errors.js";

/** What an error says of a name that is not one of `known`: the closest where it looks like a slip, else all of them. */
export function suggestion(name: string, known: readonly string[]): string {
  const closest = closestName(name, known);
  return closest === undefined ? `, expected one of ${known.join(", ")}` : `; did you mean ${closest}?`;
}

/** The one of `known` that the name is likely a slip of. */
export function closestName(name: string, known: readonly string[]): string | undefined {
  const closest = [...known].sort((a, b) => distance(name, a) - distance(name, b))[0];
  return closest !== undefined && distance(name, closest) <= Math.max(2, name.length / 3) ? closest : undefined;
}

/**
 * @param where what the names are given to, such as `conv3d`
 * @param what the names are, such as `option`
 * @throws InvalidArgumentError for a name that is none of `known`, with the one that it is likely a slip of
 */
export function checkNames(
  where: string,
  what: string,
  given: Iterable<string>,
  known: readonly string[],
  details: ErrorDetails = {},
): void {
  for (const name of given) {
    if (known.includes(name)) continue;
    throw new InvalidArgumentError(`${where}: ${name}: unknown ${what}${suggestion(name, known)}`, {
      ...details,
      argument: name,
      expected: known,
      received: name,
    });
  }
}
