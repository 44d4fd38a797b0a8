// An approximate index in LanceDB of the rows of an index, for more rows than fit in memory, and a search in it.
//   npm install @lancedb/lancedb apache-arrow
//   node examples/lancedb.mjs INDEX TABLES SENTENCE
// INDEX is a folder that `videoclip index` wrote. TABLES is a folder for LanceDB, whose table is made if it is missing.
import * as lancedb from "@lancedb/lancedb";
import { FeatureIndex, openTextEncoder } from "videoclip";

const [path, tables, sentence] = process.argv.slice(2);
/** Rows that are written at a time. */
const BATCH = 10_000;
const index = await FeatureIndex.open(path);

async function* batches() {
  let batch = [];
  for (const video of index.videos()) {
    const { spans, rows } = await index.rowsOf(video);
    for (const [i, { start, end }] of spans.entries()) {
      batch.push({ video, start, end, vector: rows.slice(i * index.dim, (i + 1) * index.dim) });
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

async function makeTable(db) {
  let table;
  for await (const batch of batches()) {
    if (table) await table.add(batch);
    else table = await db.createTable("windows", batch);
  }
  // clusters, of which a search looks at some, and 16 bits for 4 values; fewer rows are compared one by one
  if (index.size >= 1000) {
    const config = lancedb.Index.ivfPq({
      distanceType: "dot",
      numPartitions: Math.ceil(Math.sqrt(index.size)),
      numSubVectors: index.dim / 2,
    });
    await table.createIndex("vector", { config });
  }
  return table;
}

const db = await lancedb.connect(tables);
const table = (await db.tableNames()).includes("windows") ? await db.openTable("windows") : await makeTable(db);
const text = await openTextEncoder(index.text);
const { data } = await text.encode([sentence]);
// the best 5 of 50, by their exact scores
const query = table.query().nearestTo(data).distanceType("dot").nprobes(20).refineFactor(10).limit(5);
for (const { video, start, end, _distance } of await query.toArray()) {
  console.log(`${(1 - _distance).toFixed(3)}  ${start.toFixed(1)}-${end.toFixed(1)} s  ${video}`);
}
text.dispose();
index.dispose();
