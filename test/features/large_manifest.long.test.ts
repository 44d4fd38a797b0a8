// A manifest that exceeds the length of a string in V8 is read line by line.
import { appendFileSync, statSync } from "node:fs";
import { constants } from "node:buffer";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readManifests } from "#lib/records/read_manifests.js";
import { findInputs } from "#lib/features/inputs/find_inputs.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("large manifest");
const root = temporaryFolder("large");

test("a manifest above 512 MB is read as records and as a list of videos", async () => {
  const path = join(root, "manifest.jsonl");
  const timestamps = Array.from({ length: 2000 }, (_, i) => [i, i + 1]);
  const line = (i: number) =>
    `${JSON.stringify({ path: `/v/${i}.mp4`, file: `${i}.npy`, clips: 2000, timestamps, settings: {}, finished_at: "2026" })}\n`;
  const videos = 50;
  const block = Array.from({ length: videos }, (_, i) => line(i)).join("");
  while ((appendFileSync(path, block), statSync(path).size <= constants.MAX_STRING_LENGTH));
  const { records, broken } = readManifests(root);
  assert.equal([records.size, broken.length], [videos, 0]);
  const { items } = await findInputs([path]);
  assert.is(items.length, videos);
});

test.run();
