import { distance } from "fastest-levenshtein";

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
