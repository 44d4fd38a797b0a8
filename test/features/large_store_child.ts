// Opens the records of a folder, looks some up, reads all in order, and prints the peak of its memory in MiB.
import { RecordIndex } from "#lib/records/record_index.js";

const [folder] = process.argv.slice(2);
const index = await RecordIndex.open(folder, { limits: { bytes: 1 << 20, records: 2000 }, chunk: 1 << 20 });
const { size } = index;
let found = 0;
for (let i = 0; i < 1000; i++)
  if (index.get(`/videos/${(i * 37) % 100}/${i * 37}.mp4`)?.file === `${i * 37}.npy`) found++;
let inOrder = 0;
for (const _ of index.inOrder()) inOrder++;
console.log(JSON.stringify({ size, inOrder, found, peak: Math.round(process.resourceUsage().maxRSS / 1024) }));
