// Every dataset is read from a miniature in its published format; omitted records are counted, and broken files are
// errors.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readCrossTasks, readCrossTaskSteps, readCrossTaskVideos } from "#lib/data/crosstask.js";
import { deduplicateCaptions } from "#lib/data/deduplicate.js";
import { DATASET_FORMATS, datasetFormat } from "#lib/data/formats.js";
import { readHowTo100MCsv, readHowTo100MVideos } from "#lib/data/howto100m.js";
import { readJsonEntries } from "#lib/data/json_entries.js";
import { readMsrvttSplit } from "#lib/data/msrvtt.js";
import type { VideoRecord } from "#lib/data/record.js";
import { Skips } from "#lib/data/skips.js";
import { listedRecords, readVideoList, readVideoLists, type VideoLists } from "#lib/data/video_list.js";
import { isoSeconds } from "#lib/data/webvid.js";
import { npyBytes } from "#lib/weights/npy.js";
import { makeDatasets } from "../../scripts/make_datasets.mjs";
import { videoclip } from "../support/command_line.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("datasets");
const scratch = temporaryFolder("datasets");
const files = makeDatasets(scratch);

const formatsRead = new Set<string>();

async function read(name: string, file: string, options = {}): Promise<{ records: VideoRecord[]; skips: Skips }> {
  formatsRead.add(name);
  const skips = new Skips();
  const records: VideoRecord[] = [];
  for await (const record of datasetFormat(name)!.read(file, { skips, ...options })) records.push(record);
  return { records, skips };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test("HowTo100M: videos are read, captions that are no text are omitted, and rolling captions appear once", async () => {
  const { records, skips } = await read("howto100m", files.howto100m, { deduplicate: false });
  assert.equal(
    records.map((r) => r.captions.length),
    [9, 8, 9],
  );
  assert.equal(
    skips.report().map(({ reason, count }) => [reason, count]),
    [["a caption that is no text", 1]],
  );
  const { records: once } = await read("howto100m", files.howto100m);
  const words = once[0].captions.map(({ text }) => text).join(" ");
  for (const step of ["cut the onion", "heat the oil", "stir the soup", "add salt"]) {
    assert.is(words.split(step).length, 2, `${step} in: ${words}`);
  }
  const videos = await all(readHowTo100MVideos(files.howto100m_videos));
  assert.equal(videos[1].subcategory, "Soups, Stews");
  const csv = await readHowTo100MCsv(join(scratch, "howto100m/captions"), "aaaaaaaaaaa", { skips });
  assert.equal(csv.captions[1], { start: 4, end: 8.25, text: "heat the oil, gently" });
});

test("YouCook2, WebVid, CC3M and QVHighlights are read", async () => {
  const youcook = await read("youcook2", files.youcook2, { subset: "validation" });
  assert.is(youcook.records.length, 1);
  assert.equal(youcook.records[0].captions[2], { start: 20, end: 28, text: "stir the soup" });
  const webvid = await read("webvid", files.webvid);
  assert.equal(
    webvid.records.map((r) => r.duration),
    [14, 65],
  );
  assert.is(webvid.records[0].captions[0].text, 'A man, a plan, a "canal"');
  assert.is(webvid.records[0].path, "videos/000001_000050/1001.mp4");
  assert.is(webvid.skips.total, 1);
  const cc3m = await read("cc3m", files.cc3m);
  assert.equal(cc3m.records.map((r) => [r.video, r.image]), [["000000000", true], ["000000001", true]]); // prettier-ignore
  assert.is(cc3m.records[1].captions[0].text, 'the "quoted caption of person');
  const moments = await read("qvhighlights", files.qvhighlights);
  assert.equal(moments.records[0].captions.map((c) => [c.start, c.end]), [[10, 20], [40, 46]]); // prettier-ignore
  const unlabelled = await read("qvhighlights", files.qvhighlights_test);
  assert.equal([unlabelled.records[0].captions[0].start, unlabelled.records[0].captions[0].end], [0, 150]);
});

test("MSR-VTT, COIN, CrossTask, DiDeMo and plain lines are read", async () => {
  const msrvtt = await read("msrvtt", files.msrvtt);
  assert.equal(
    msrvtt.records.map((r) => r.captions.length),
    [2, 1],
  );
  assert.is((await read("msrvtt", files.msrvtt_pairs)).records[0].captions[0].text, "a person, cooking");
  assert.equal(await readMsrvttSplit(files.msrvtt_train), ["video0", "video1"]);
  const coin = await read("coin", files.coin, { subset: "testing" });
  assert.is(coin.records[0].captions[4].text, "serve it in a bowl");
  const tasks = await readCrossTasks(files.crosstask_tasks);
  assert.equal(tasks.map((t) => [t.id, t.steps.length]), [["23521", 5], ["40567", 5]]); // prettier-ignore
  assert.is((await readCrossTaskVideos(files.crosstask_videos))[1].task, "40567");
  assert.equal(await readCrossTaskSteps(files.crosstask_b), [{ step: 2, start: 0, end: 3.5 }]);
  const didemo = await read("didemo", files.didemo);
  assert.equal(didemo.records[0].captions[0], { start: 5, end: 10, text: "a cat jumps" });
  const plain = await read("jsonl", files.jsonl);
  assert.equal(
    plain.records.map((r) => r.captions.length),
    [3, 2],
  );
});

test("lines with NaN, byte order marks or UTF-16 are read; lines that are no caption are counted with their place", async () => {
  const good = '{"video":"a.mp4","start":0,"end":2,"text":"one"}';
  const bad = '{"video":"b.mp4","start":0,"end":NaN,"text":NaN}';
  const path = join(scratch, "n.jsonl");
  for (const [content, captions, skipped] of [
    [`${good}\n${bad}\n${good}\n`, 2, ["a caption that is no text: n.jsonl:2"]],
    [`\ufeff${good}\r\n{"video":"x\n\0\0\n${good}`, 2, ["a line that is no JSON object: n.jsonl:2"]],
    [Buffer.from(`\ufeff${good}\r\n${good}\r\n`, "utf16le"), 2, []],
    [Buffer.from(`${good}\n${good}`, "utf16le").swap16(), 2, []],
  ] as const) {
    writeFileSync(path, content);
    const { records, skips } = await read("jsonl", path);
    assert.is(records.reduce((sum, record) => sum + record.captions.length, 0), captions); // prettier-ignore
    const seen = skips.report().map(({ reason, first }) => `${reason}: ${/n\.jsonl:\d+/.exec(first)}`);
    assert.equal(seen, skipped);
  }
});

test("durations are read in all their notations", () => {
  assert.is(isoSeconds("PT00H00M14S"), 14);
  assert.is(isoSeconds("P1DT1H1M1.5S"), 90061.5);
  assert.is(isoSeconds("12.5"), 12.5);
  for (const bad of ["", "PT", "soon"]) assert.ok(Number.isNaN(isoSeconds(bad)), bad);
});

test("repeated captions are joined by whole words by default, and by characters as in the original code", () => {
  const caption = (start: number, end: number, text: string) => ({ start, end, text });
  const two = [caption(0, 4, "we cut the onion"), caption(3, 7, "the onion is red")];
  for (const seed of [0, 1, 2, 3, 4, 5]) {
    const out = deduplicateCaptions(two, "v", { seed });
    assert.is(out.map(({ text }) => text).join(" "), "we cut the onion is red");
    assert.is(out[0].end, out[1].start === 3 ? 3 : 4);
    assert.equal(out, deduplicateCaptions(two, "v", { seed }), "the same coin");
  }
  // a letter in common is no overlap of words
  const letter = [caption(0, 1, "cut it"), caption(2, 3, "then stir")];
  assert.equal(deduplicateCaptions(letter, "v"), letter);
  const shaved = deduplicateCaptions(letter, "v", { rule: "shortest-prefix" });
  assert.is(
    shaved
      .map(({ text }) => text)
      .join("")
      .replace(/ /g, ""),
    "cutithenstir",
  );
  // one caption ends with the other, then one starts with the other
  assert.equal(deduplicateCaptions([caption(0, 4, "a b c"), caption(1, 5, "b c")], "v"), [caption(0, 5, "a b c")]);
  assert.equal(deduplicateCaptions([caption(1, 4, "a b"), caption(0, 6, "a b c")], "v"), [caption(0, 6, "a b c")]);
});

test("a large object is read entry by entry, wherever its bytes are cut into blocks", async () => {
  const object: Record<string, unknown> = {};
  for (let i = 0; i < 400; i++)
    object[`k\\"é${i}`] = { text: [`a "quoted" \\ {[,]} ü ${"x".repeat(i * 17)}`, null, i] };
  const file = join(scratch, "large.json");
  writeFileSync(file, JSON.stringify(object, null, 1));
  writeFileSync(`${file}.gz`, gzipSync(JSON.stringify(object)));
  for (const path of [file, `${file}.gz`]) {
    const entries = await all(readJsonEntries(path));
    assert.equal(Object.fromEntries(entries.map(({ key, value }) => [key, value])), object);
  }
  const broken: [string, RegExp][] = [
    ['{"a": 1, "b": [1, 2', /byte \d+: the file ends inside the object/],
    ['{"a": 1, b: 2}', /byte 9: not JSON/],
    ["[1, 2]", /byte 0: expected an object/],
    ['{"a": 1} {"b": 2}', /byte 9: something follows/],
    ["", /the file ends inside the object/],
  ];
  for (const [text, pattern] of broken) {
    writeFileSync(file, text);
    await refused(() => all(readJsonEntries(file)), pattern);
  }
  assert.equal(await all(readJsonEntries(files.howto100m, { maxBytes: 1 << 20 })).then((e) => e.length), 3);
});

test("errors of broken files name file and line", async () => {
  const write = (name: string, text: string) => {
    writeFileSync(join(scratch, name), text);
    return join(scratch, name);
  };
  await refused(
    () => read("webvid", write("w.csv", "videoid,name\n1,a\n")),
    /w\.csv:1: expected the columns .*duration missing/,
  );
  await refused(() => read("webvid", write("w2.csv", "videoid,name,duration\n1,a\n")), /w2\.csv:\d+: .*columns/i);
  await refused(
    () => read("youcook2", write("y.json", '{"database": 3}')),
    /y\.json: database: expected an object, received 3/,
  );
  await refused(() => read("cc3m", write("c.tsv", "only a caption\tno url\n")), /c\.tsv:1: url: expected an address/);
  await refused(
    () => read("jsonl", write("p.jsonl", '{"text": "a"}')),
    /p\.jsonl:1: video: expected a string, received nothing/,
  );
  await refused(() => read("howto100m", join(scratch, "missing.json")), /missing\.json/);
});

test("omitted records are counted, up to a limit", async () => {
  const skips = new Skips(1);
  skips.add("a caption that is no text", "f:1");
  assert.throws(
    () => skips.add("an empty caption", "f:2"),
    /more than 1 items left out: 1 x a caption that is no text/,
  );
});

test("videoclip data check reports features that are missing or not finite", () => {
  const folder = join(scratch, "features");
  mkdirSync(folder);
  writeFileSync(join(folder, "aaaaaaaaaaa.npy"), npyBytes(new Float32Array(8), [4, 2], "f32"));
  writeFileSync(join(folder, "bbbbbbbbbbb.npy"), npyBytes(Float32Array.of(1, Number.NaN), [1, 2], "f32"));
  const run = (...args: string[]) =>
    videoclip("data", "check", "howto100m", files.howto100m, "--features", folder, ...args); // prettier-ignore
  const report = JSON.parse(run("--json").stdout) as { features: object; skipped: { reason: string; first: string }[] };
  assert.equal(report.features, { found: 1, rows: 4, width: 2 });
  const reasons = report.skipped.map(({ reason }) => reason);
  assert.ok(reasons.includes("a video without features") && reasons.includes("features that are not finite"));
  assert.match(report.skipped.find(({ reason }) => reason.includes("finite"))!.first, /row 0, column 1 is NaN/);
  const strict = run("--limit", "1");
  assert.is(strict.status, 1);
  assert.match(strict.stderr, /more than 1 items left out/);
});

test("CrossTask: each video has its steps by name; steps and tasks that are not listed are counted", async () => {
  const folder = join(scratch, "crosstask");
  const { records, skips } = await read("crosstask", folder);
  assert.equal(
    records.map(({ video, captions }) => [video, captions.map(({ start, end, text }) => [start, end, text])]),
    [
      [
        "aaaaaaaaaaa",
        [
          [2.5, 4.1, "cut the onion"],
          [9, 10, "stir the soup"],
        ],
      ],
      ["bbbbbbbbbbb", [[0, 3.5, "heat the oil"]]],
    ],
  );
  assert.is(skips.total, 0);
  writeFileSync(join(folder, "annotations", "23521_ccccccccccc.csv"), "6,1,2\n1,3,4\n");
  writeFileSync(join(folder, "annotations", "99_ddddddddddd.csv"), "1,1,2\n");
  const more = await read("crosstask", folder);
  assert.equal(
    more.skips
      .report()
      .map(({ reason }) => reason)
      .sort(),
    ["a step that its task does not have", "a video of a task that is not listed"],
  );
  assert.is(more.records.length, 3);
  await refused(() => read("crosstask", scratch), /no tasks_primary\.txt or tasks_related\.txt in it/);
});

test("a list of videos is the column video_id of a csv, or the last part of each line", async () => {
  assert.equal([...(await readVideoList(files.msrvtt_train))], ["video0", "video1"]);
  const list = join(scratch, "list.txt");
  writeFileSync(list, "201/aaaaaaaaaaa\nbbbbbbbbbbb\n");
  const [a, b] = [join(scratch, "a.txt"), join(scratch, "b.txt")];
  writeFileSync(a, "aaaaaaaaaaa\n");
  writeFileSync(b, "bbbbbbbbbbb\n");
  const names = async (lists: VideoLists) => {
    const records = datasetFormat("youcook2")!.read(files.youcook2, { skips: new Skips() });
    return (await all(listedRecords(records, await readVideoLists(lists)))).map(({ video }) => video);
  };
  assert.equal(await names({ only: [list] }), ["aaaaaaaaaaa", "bbbbbbbbbbb"]);
  assert.equal(await names({ only: [a, b] }), ["aaaaaaaaaaa", "bbbbbbbbbbb"]);
  assert.equal(await names({ only: [list], except: [a] }), ["bbbbbbbbbbb"]);
  assert.equal(await names({ except: [b] }), ["aaaaaaaaaaa"]);
  await refused(() => readVideoList(files.webvid), /expected the columns video_id/);
});

test("an option that a format does not have is refused, not ignored", () => {
  const run = (...args: string[]) => videoclip("data", "check", ...args);
  for (const [flags, pattern] of [
    [["--subset", "training"], /--subset: webvid has no such option/],
    [["--no-deduplicate"], /--no-deduplicate: webvid has no such option/],
  ] as const) {
    const { status, stderr } = run("webvid", files.webvid, ...flags);
    assert.is(status, 2);
    assert.match(stderr, pattern);
  }
  const { status, stdout } = run("youcook2", files.youcook2, "--subset", "training", "--json");
  assert.is(status, 0);
  assert.is((JSON.parse(stdout) as { videos: number }).videos, 1);
});

test("every format has a unique name and is read in this file", () => {
  const names = DATASET_FORMATS.map(({ name }) => name);
  assert.equal([...formatsRead].sort(), [...names].sort());
});

test.run();
