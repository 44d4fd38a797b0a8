import { distance } from "fastest-levenshtein";
import { type ErrorDetails, InvalidArgumentError } from "./errors.js";

/**
 * A part of an error on an unknown name: the closest of `known` if the name looks like a typing error, otherwise all of
 * them.
 */
export function suggestion(name: string, known: readonly string[]): string {
  const closest = closestName(name, known);
  return closest === undefined ? `, expected one of ${known.join(", ")}` : `; did you mean ${closest}?`;
}

/** The element of `known` of which the name is probably a typing error. */
export function closestName(name: string, known: readonly string[]): string | undefined {
  const closest = [...known].sort((a, b) => distance(name, a) - distance(name, b))[0];
  return closest !== undefined && distance(name, closest) <= Math.max(2, name.length / 3) ? closest : undefined;
}

/**
 * @param where the owner of the names, such as `conv3d`
 * @param what the kind of the names, such as `option`
 * @throws InvalidArgumentError for an unknown name, with the closest known name
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
