import type { FeatureIndex } from "../features/feature_index.js";
import type { SearchParameters } from "./parameters.js";
import type { VideoFields } from "./video_fields.js";

/** The lengths of the videos of an open index, which do not change while it is open. */
const known = new WeakMap<FeatureIndex, Promise<ReadonlyMap<string, number>>>();

/** Seconds from 0 to the end of the last window of each video of an index. */
function lengthsOf(index: FeatureIndex): Promise<ReadonlyMap<string, number>> {
  let lengths = known.get(index);
  if (!lengths) {
    const names = index.videos();
    known.set(index, (lengths = index.ends().then((ends) => new Map(names.map((name, i) => [name, ends[i]])))));
    lengths.catch(() => known.delete(index));
  }
  return lengths;
}

/** Which videos of an index a search looks at. @returns undefined when these are all of them: a filter copies rows */
export async function videoFilter(
  index: FeatureIndex,
  { path = "", min_seconds: low = 0, max_seconds: high = Number.POSITIVE_INFINITY, field = [] }: SearchParameters,
  fields: VideoFields,
): Promise<((name: string) => boolean) | undefined> {
  if (path === "" && low <= 0 && high === Number.POSITIVE_INFINITY && field.length === 0) return undefined;
  const lengths = low > 0 || high < Number.POSITIVE_INFINITY ? await lengthsOf(index) : undefined;
  const accepts = (name: string): boolean => {
    const seconds = lengths?.get(name) ?? 0;
    return (
      name.includes(path) &&
      (lengths === undefined || (seconds >= low && seconds <= high)) &&
      (field.length === 0 || fields.fulfils(name, field))
    );
  };
  return index.videos().every(accepts) ? undefined : accepts;
}
