import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseJson } from "../../base/parse_json.js";

/** In the folder of a model: how it is searched best, as its authors measured it. */
const FILE = "search.json";

/** What a model's `search.json` says. */
export interface ModelSearch {
  /** Features of a window, and between the starts of two, where the user says nothing. */
  window?: number | undefined;
  hop?: number | undefined;
  /**
   * For windows of a number of features, the standard deviations above unrelated sentences from which on a score fits;
   * by rising window.
   */
  levels: readonly { window: number; level: number }[];
}

/**
 * Reads `search.json` beside a model. A file of other weights, or one that cannot be read, counts as none: then the
 * general rules apply.
 */
export function modelSearch(path: string, weights: string): ModelSearch | undefined {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const file = join(path, FILE);
  if (!existsSync(file)) return undefined;
  try {
    const found = parseJson(readFileSync(file, "utf8")) as ModelSearch & { weights?: unknown };
    if (found?.weights !== weights || !Array.isArray(found.levels)) return undefined;
    const levels = found.levels.filter(({ window, level }) => window > 0 && Number.isFinite(level));
    return { window: found.window, hop: found.hop, levels: levels.sort((a, b) => a.window - b.window) };
  } catch {
    return undefined;
  }
}

/** The level for a window, between those of the two nearest windows that were measured; undefined if none was. */
export function levelFor({ levels }: ModelSearch, window: unknown): number | undefined {
  if (levels.length === 0 || typeof window !== "number") return undefined;
  const above = levels.findIndex((measured) => measured.window >= window);
  if (above < 0) return levels[levels.length - 1].level;
  const [low, high] = [levels[Math.max(0, above - 1)], levels[above]];
  if (high.window === low.window) return high.level;
  return low.level + ((high.level - low.level) * (window - low.window)) / (high.window - low.window);
}
