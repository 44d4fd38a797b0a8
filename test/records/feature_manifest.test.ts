// Manifest lines that would be misread as other paths or times are not records; they are reported with their reason.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readManifests } from "#lib/records/read_manifests.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("feature manifest");
const folder = temporaryFolder("manifest");

const line = (change: object = {}) =>
  JSON.stringify({ path: "/v/é.mp4", file: "a.npy", clips: 2, timestamps: [[0, 1], [1, 1]], settings: {}, ...change }); // prettier-ignore

function read(...lines: (string | Buffer)[]) {
  writeFileSync(
    join(folder, "manifest.jsonl"),
    Buffer.concat(lines.flatMap((one) => [Buffer.from(one as string), Buffer.from("\n")])),
  );
  const { records, broken } = readManifests(folder);
  return { paths: [...records.keys()], reasons: broken.map(({ reason }) => reason) };
}

test("a line that is not UTF-8 is not a record: a replacement character would change its path", () => {
  assert.equal(read(line()), { paths: ["/v/é.mp4"], reasons: [] });
  const latin = Buffer.from(line(), "latin1");
  assert.equal(read(latin, line({ path: "/v/b.mp4" })), { paths: ["/v/b.mp4"], reasons: ["it is not UTF-8"] });
});

test("timestamps are pairs of seconds whose second number is not the smaller one", () => {
  const bad = [[[0, 1], [1]], [[0, 1], [1, 2, 3]], [[0, 1], "x"], [[0, 1], [1, null]], [[true, 1], [1, 2]], [[0, 1], [2, 1]]]; // prettier-ignore
  for (const timestamps of bad) {
    const { paths, reasons } = read(line({ timestamps }));
    assert.equal(paths, [], JSON.stringify(timestamps));
    assert.equal(reasons, ["its timestamps are not each a start and an end in seconds"]);
  }
});

test.run();
