import { hash } from "node:crypto";

/**
 * The id of a video in addresses: 22 characters from the id of its index and its name. It says nothing about the path,
 * and stays the same when the index grows or the server starts again.
 */
export const videoId = (indexId: string, name: string): string =>
  hash("sha256", `${indexId}\0${name}`, "base64url").slice(0, 22);

/** The names of the videos of an index by their ids. */
export function namesById(indexId: string, names: readonly string[]): Map<string, string> {
  return new Map(names.map((name) => [videoId(indexId, name), name]));
}
