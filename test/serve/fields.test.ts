// Searches of `videoclip serve` are filtered by the fields of the manifest that the features of the videos have.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { serveIndexes } from "#lib/serve/serve.js";
import { readConditions, VideoFields } from "#lib/serve/video_fields.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { served, type Served, STAR, writeIndex } from "./served_example.js";

const test = suite("serve: fields");
const root = temporaryFolder("serve-fields");
const [features, index] = [join(root, "features"), join(root, "index")];
let server: Served;

const record = (path: string, clips: number, more: Record<string, unknown>) => ({
  path,
  file: `${path}.npy`,
  duration: clips,
  clips,
  timestamps: Array.from({ length: clips }, (_, i) => [i, i + 1]),
  padded_frames: 0,
  settings: { model: "s3d-tiny" },
  ...more,
});

test.before(async () => {
  mkdirSync(features);
  const day = (text: string) => Date.parse(text);
  const lines = [
    record("a.mp4", 4, {
      finished_at: "2026-01-05T10:00:00.000Z",
      source: { bytes: 1000, modified: day("2025-12-31") },
    }),
    record("b.mp4", 9, { finished_at: "2026-01-06T00:00:00.000Z", source: { bytes: 50, modified: day("2024-01-01") } }),
    record("c.mp4", 20, { finished_at: "2026-02-01T23:59:59.000Z", partial: true }),
  ];
  writeFileSync(join(features, "manifest.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const names = ["a.mp4", "b.mp4", "c.mp4", "d.mp4"];
  await writeIndex(index, Object.fromEntries(names.map((name) => [name, [[STAR, 0, 4] as const]])));
  server = await served([index], { features: [features] });
});
test.after(() => server.close());

test("conditions choose videos; one without the field, or without a record, fulfils none", async () => {
  const cases: [string, string][] = [
    ["clips:9", "b"],
    ["clips>=9", "b c"],
    ["clips<=9", "a b"],
    ["clips>=5 clips<=10", "b"],
    ["bytes>=1", "a b"],
    ["bytes:1000", "a"],
    ["bytes>=1001", ""],
    ["partial:true", "c"],
    ["partial:false", "a b"],
    ["finished:2026-01-05", "a"],
    ["finished:2026-01", "a b"],
    ["finished<=2026-01-05", "a"],
    ["finished<=2026-01-06", "a b"],
    ["finished>=2026-01-06T00:00:00", "b c"],
    ["finished>=2026-01-06T00:00:01", "c"],
    ["modified<=2024", "b"],
    ["modified>=2025 partial:false", "a"],
    [" clips:4  ", "a"],
  ];
  for (const [field, expected] of cases) {
    const { moments } = await server.search({ q: STAR, field });
    assert.is(moments.map(({ path }: { path: string }) => path[0]).sort().join(" "), expected, field); // prettier-ignore
  }
  const { moments } = await server.search({ q: STAR, field: "clips>=4", path: "c" });
  assert.is(moments.length, 1);
  const { fields } = await server.json("/api/indexes");
  assert.equal(fields, ["clips", "bytes", "partial", "modified", "finished"]);
});

test("wrong conditions are refused with what is expected, and all of them without a manifest", async () => {
  const names =
    /^field: expected NAME:VALUE, NAME>=VALUE or NAME<=VALUE with a name of clips, bytes, partial, modified, finished$/;
  const cases: [string, RegExp][] = [
    ["clips", names],
    ["duration>=3", names],
    ["__proto__:1", names],
    ["constructor:1", names],
    ["clips=3", names],
    ["clips>3", names],
    ["clips:-1", /^field: expected a whole number for clips$/],
    ["clips:1e3", /^field: expected a whole number for clips$/],
    ["partial:yes", /^field: expected true or false for partial$/],
    ["partial>=true", /^field: expected partial:true or partial:false$/],
    ["finished:yesterday", /^field: expected a date such as 2026-01-31 for finished$/],
    ["clips:1 ".repeat(9), /^field: expected at most 8 conditions$/],
  ];
  for (const [field, message] of cases) {
    const answer = await server.get(`/api/search?${new URLSearchParams({ q: STAR, field })}`);
    assert.is(answer.status, 400, field);
    assert.match(((await answer.json()) as { error: { message: string } }).error.message, message, field);
  }
  const without = await served([index]);
  const { error } = await without.search({ q: STAR, field: "clips:4" });
  assert.is(error.message, "field: this server knows no fields of its videos: start it with --features");
  assert.equal((await without.json("/api/indexes")).fields, []);
  await without.close();
  assert.equal(readConditions(""), []);
  assert.equal(new VideoFields([]).names, []);
  await refused(
    serveIndexes([index], { port: 0, features: [join(root, "none")] }),
    /^features: .*none has no manifest of features, as videoclip extract writes it$/,
  );
});

test.run();
