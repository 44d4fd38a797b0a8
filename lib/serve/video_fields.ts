import { existsSync } from "node:fs";
import { InvalidArgumentError } from "../base/errors.js";
import { manifestNames } from "../records/part_list.js";
import { readManifests } from "../records/read_manifests.js";

/** What a manifest of features says of a video. Dates are ISO dates in UTC. */
interface Fields {
  /** Features. */
  clips: number;
  /** Size of the file. */
  bytes?: number | undefined;
  /** Whether only a part of it could be decoded. */
  partial: boolean;
  /** When the file was changed, and its features were made. */
  modified?: string | undefined;
  finished: string;
}

const KINDS = { clips: "number", bytes: "number", partial: "flag", modified: "date", finished: "date" } as const;
export const FIELD_NAMES = Object.keys(KINDS) as (keyof typeof KINDS)[];
const FORMS = {
  number: /^\d{1,15}$/,
  flag: /^(true|false)$/,
  date: /^\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d)?)?)?)?)?$/,
} as const;

/** A condition on a field: `NAME:VALUE`, `NAME>=VALUE` or `NAME<=VALUE`. */
export interface Condition {
  name: keyof Fields;
  sign: ":" | ">=" | "<=";
  value: string;
}

/** Reads conditions with spaces between them. @returns the reason why there are none, as a text, for a wrong one */
export function readConditions(text: string): Condition[] | string {
  const conditions: Condition[] = [];
  for (const part of text.split(/\s+/).filter(Boolean)) {
    const [, name, sign, value] = /^([a-z]+)(:|>=|<=)(.+)$/.exec(part) ?? [];
    if (name === undefined || !Object.hasOwn(KINDS, name))
      return `expected NAME:VALUE, NAME>=VALUE or NAME<=VALUE with a name of ${FIELD_NAMES.join(", ")}`;
    const kind = KINDS[name as keyof Fields];
    if (!FORMS[kind].test(value)) {
      const forms = { number: "a whole number", flag: "true or false", date: "a date such as 2026-01-31" };
      return `expected ${forms[kind]} for ${name}`;
    }
    if (kind === "flag" && sign !== ":") return `expected ${name}:true or ${name}:false`;
    conditions.push({ name: name as keyof Fields, sign: sign as Condition["sign"], value });
  }
  return conditions.length <= 8 ? conditions : "expected at most 8 conditions";
}

/** Whether a field fulfils a condition. A date counts as far as the value says it: a day has all of its hours. */
function holds(field: Fields[keyof Fields], { sign, value }: Condition): boolean {
  if (field === undefined) return false;
  if (typeof field === "boolean") return String(field) === value;
  const [own, asked] = typeof field === "number" ? [field, Number(value)] : [field.slice(0, value.length), value];
  return sign === ":" ? own === asked : sign === ">=" ? own >= asked : own <= asked;
}

/** Fields of videos, from the manifests of the folders that their features are in. They are read once. */
export class VideoFields {
  #fields = new Map<string, Fields>();

  /** @throws InvalidArgumentError for a folder without a manifest; the system's error */
  constructor(folders: readonly string[]) {
    for (const folder of folders) {
      if (!existsSync(folder) || manifestNames(folder).length === 0) {
        const message = `features: ${folder} has no manifest of features, as videoclip extract writes it`;
        throw new InvalidArgumentError(message, { argument: "features", received: folder });
      }
      for (const record of readManifests(folder).records.values()) {
        const { clips, partial, source, finishedAt: finished } = record;
        const modified = source === undefined ? undefined : new Date(source.modified).toISOString();
        this.#fields.set(record.path, { clips, partial, bytes: source?.bytes, modified, finished });
      }
    }
  }

  /** Names of the fields; none without a manifest. */
  get names(): readonly string[] {
    return this.#fields.size > 0 ? FIELD_NAMES : [];
  }

  /** Whether a video fulfils all conditions. One that no manifest has fulfils none. */
  fulfils(video: string, conditions: readonly Condition[]): boolean {
    const fields = this.#fields.get(video);
    return fields !== undefined && conditions.every((condition) => holds(fields[condition.name], condition));
  }
}
