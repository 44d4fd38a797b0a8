// Opens the records of a folder with tables, and prints what they are: node index_child.ts FOLDER [CHUNK]
import { createHash } from "node:crypto";
import { RecordIndex } from "#lib/records/record_index.js";

const [folder, chunk] = process.argv.slice(2);
const index = await RecordIndex.open(folder, { limits: { bytes: 0, records: 0 }, chunk: Number(chunk) });
const hash = createHash("sha256");
for (const { path, file, manifest, at } of index.inOrder()) hash.update(`${path} ${file} ${manifest} ${at}\n`);
console.log(JSON.stringify({ size: index.size, hash: hash.digest("hex") }));
