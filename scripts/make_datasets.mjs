// Miniatures of the published datasets: a few invented entries each, in exactly the files and columns of the originals, with
// what the originals are known to contain (NaN captions, rolling captions, quotes, missing durations).
//   node scripts/make_datasets.mjs FOLDER [--features WIDTH] [--videos SECONDS]
// --features adds features/ for all of them, and what a small text model is made from; --videos adds videos of the first three.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const STEPS = ["cut the onion", "heat the oil", "stir the soup", "add salt", "serve it in a bowl"];
const VIDEOS = ["aaaaaaaaaaa", "bbbbbbbbbbb", "ccccccccccc"];

/** Writes all datasets into folders by name and returns the path of each file. */
export function makeDatasets(folder) {
  const files = {};
  const write = (name, path, text) => {
    const file = join(folder, path);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, typeof text === "string" ? text : JSON.stringify(text));
    files[name] = file;
  };

  // recognised speech scrolls: most words occur in two captions; one entry is not a string, as in the published file
  const rolling = (v) => {
    const text = STEPS.flatMap((step, i) => (i > 0 ? [`${STEPS[i - 1]} ${step}`, step] : [step]));
    const start = text.map((_, i) => 2.5 * i + v);
    return { start, end: start.map((s) => s + 4), text };
  };
  const captions = VIDEOS.map((video, v) => {
    const { start, end, text } = rolling(v);
    const items = text.map((t, i) => (v === 1 && i === 2 ? "NaN" : JSON.stringify(t)));
    return `${JSON.stringify(video)}: {"start": [${start.join(", ")}], "end": [${end.join(", ")}], "text": [${items.join(", ")}]}`;
  });
  write("howto100m", "howto100m/raw_caption.json", `{${captions.join(", ")}}`);
  write(
    "howto100m_videos",
    "howto100m/HowTo100M_v1.csv",
    `video_id,category_1,category_2,rank,task_id\n${VIDEOS.map((v, i) => `${v},Food and Entertaining,"Soups, Stews",${i + 1},${100 + i}`).join("\n")}\n`,
  );
  write("howto100m_val", "howto100m/val.lst", `${VIDEOS[2]}\n`);
  write(
    "howto100m_csv",
    "howto100m/captions/aaaaaaaaaaa.csv",
    'start,end,text\n0.5,4.0,cut the onion\n4.0,8.25,"heat the oil, gently"\n',
  );

  const annotations = STEPS.map((sentence, id) => ({ segment: [10 * id, 10 * id + 8], id, sentence }));
  const youcook = (subset, i) => ({
    duration: 55.3,
    subset,
    recipe_type: String(200 + i),
    annotations,
    video_url: `https://www.youtube.com/watch?v=${VIDEOS[i]}`,
  });
  write("youcook2", "youcook2/youcookii_annotations_trainval.json", {
    database: { [VIDEOS[0]]: youcook("training", 0), [VIDEOS[1]]: youcook("validation", 1) },
  });

  write(
    "webvid",
    "webvid/results_2M_train.csv",
    [
      "videoid,contentUrl,duration,page_dir,name",
      '1001,https://example.org/1001.mp4,PT00H00M14S,000001_000050,"A man, a plan, a ""canal"""',
      "1002,https://example.org/1002.mp4,PT00H01M05S,000001_000050,Waves on a beach",
      "1003,https://example.org/1003.mp4,,000051_000100,No duration",
    ].join("\n"),
  );
  write(
    "cc3m",
    "cc3m/Train_GCC-training.tsv",
    'a very typical bus station\thttp://example.org/1.jpg\nthe "quoted caption of person\thttp://example.org/2.jpg\n',
  );

  const query = (qid, extra) => ({
    qid,
    query: `Someone does step ${qid}`,
    duration: 150,
    vid: `${VIDEOS[0]}_60.0_210.0`,
    ...extra,
  });
  const highlight = {
    relevant_windows: [
      [10, 20],
      [40, 46],
    ],
    relevant_clip_ids: [5, 6, 7, 8, 9, 20, 21, 22],
    saliency_scores: Array.from({ length: 8 }, (_, i) => [i % 5, (i + 1) % 5, (i + 2) % 5]),
  };
  write(
    "qvhighlights",
    "qvhighlights/highlight_train_release.jsonl",
    `${JSON.stringify(query(1, highlight))}\n${JSON.stringify(query(2, highlight))}\n`,
  );
  write("qvhighlights_test", "qvhighlights/highlight_test_release.jsonl", `${JSON.stringify(query(3))}\n`);

  write(
    "msrvtt_pairs",
    "msrvtt/MSRVTT_JSFUSION_test.csv",
    `key,vid_key,video_id,sentence\nret0,msr9770,video9770,"a person, cooking"\nret1,msr9771,video9771,a dog\n`,
  );
  write("msrvtt_train", "msrvtt/MSRVTT_train.csv", "video_id\nvideo0\nvideo1\n");
  write("msrvtt", "msrvtt/MSRVTT_data.json", {
    info: {},
    videos: [{ id: 0, video_id: "video0", split: "train", category: 3 }],
    sentences: [
      { caption: "a car is shown", video_id: "video0", sen_id: 0 },
      { caption: "someone drives", video_id: "video0", sen_id: 1 },
      { caption: "a cat", video_id: "video1", sen_id: 2 },
    ],
  });
  write("msrvtt_qa", "msrvtt/MSR_MC_test.csv", "vid_key\ta1\ta2\ta3\ta4\ta5\tanswer\nmsr9770\ta\tb\tc\td\te\t2\n");

  const coin = (subset) => ({
    duration: 60.7,
    class: "MakeSoup",
    recipe_type: 12,
    subset,
    start: 0,
    end: 60,
    annotation: STEPS.map((label, i) => ({ id: String(31 + i), segment: [10 * i + 0.5, 10 * i + 9], label })),
  });
  write("coin", "coin/COIN.json", { database: { [VIDEOS[0]]: coin("training"), [VIDEOS[1]]: coin("testing") } });

  const blocks = [
    ["23521", "Make Soup"],
    ["40567", "Grill Steak"],
  ];
  write(
    "crosstask_tasks",
    "crosstask/tasks_primary.txt",
    blocks
      .map(([id, title]) => `${id}\n${title}\nhttps://example.org/${id}\n${STEPS.length}\n${STEPS.join(",")}\n`)
      .join("\n"),
  );
  write(
    "crosstask_videos",
    "crosstask/videos.csv",
    `23521,${VIDEOS[0]},https://example.org/a\n40567,${VIDEOS[1]},https://example.org/b\n`,
  );
  write("crosstask_videos_val", "crosstask/videos_val.csv", `40567,${VIDEOS[1]},https://example.org/b\n`);
  write("crosstask_a", `crosstask/annotations/23521_${VIDEOS[0]}.csv`, "1,2.5,4.1\n3,9,10\n");
  write("crosstask_b", `crosstask/annotations/40567_${VIDEOS[1]}.csv`, "2,0,3.5\n");

  write("didemo", "didemo/test_data.json", [
    {
      annotation_id: 7,
      description: "a cat jumps",
      video: "x.mp4",
      times: [
        [1, 1],
        [1, 1],
        [0, 1],
        [2, 2],
      ],
      num_segments: 6,
      dl_link: "https://example.org/x",
    },
  ]);
  write(
    "jsonl",
    "plain/clips.jsonl",
    STEPS.map((text, i) =>
      JSON.stringify({ video: `videos/${VIDEOS[i < 3 ? 0 : 1]}.mp4`, start: 5 * i, end: 5 * i + 5, text }),
    ).join("\n"),
  );
  return files;
}

/** Names of the videos of the miniatures. */
const ALL = [
  ...VIDEOS,
  `${VIDEOS[0]}_60.0_210.0`,
  ...["video0", "video1", "video9770", "video9771", "1001", "1002", "1003", "x", "1", "2"],
];

/**
 * Writes features of unit length `[61, width]` of every video, f32 `.npy`, into `folder/features`; the same in every
 * run.
 */
export function makeFeatures(folder, width = 512) {
  const features = join(folder, "features");
  mkdirSync(features, { recursive: true });
  const rows = 61;
  const header = (text) => {
    const bytes = Buffer.alloc(128, " "); // magic, version, length of the rest, a dictionary in Python, spaces, a new line
    bytes.write("\x93NUMPY\x01\x00", 0, "latin1");
    bytes.writeUInt16LE(118, 8);
    bytes.write(text, 10, "latin1");
    bytes[127] = 10;
    return bytes;
  };
  ALL.forEach((video, v) => {
    let state = v + 1;
    const values = new Float32Array(rows * width);
    for (let i = 0; i < values.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      values[i] = (state / 2 ** 32 - 0.5) * Math.sqrt(12 / width);
    }
    const head = header(`{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`);
    writeFileSync(join(features, `${video}.npy`), Buffer.concat([head, Buffer.from(values.buffer)]));
  });
  return features;
}

/** Writes the files for pre-training small text models: a vocabulary, a text, and a run of BERT and of MobileBERT. */
export function makeTextModels(folder) {
  const words = [...new Set(STEPS.join(" ").split(" "))];
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  // special tokens at the ids of bert-base-uncased
  const unused = Array.from({ length: 99 }, (_, i) => `[unused${i}]`);
  const special = ["[PAD]", ...unused, "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  const long = words.filter((word) => word.length > 1);
  const vocabulary = [...special, ...letters, ...letters.map((letter) => `##${letter}`), ...long];
  writeFileSync(join(folder, "vocab.txt"), `${vocabulary.join("\n")}\n`);
  writeFileSync(
    join(folder, "text.txt"),
    [0, 1, 2].map((i) => [...STEPS.slice(i), ...STEPS.slice(0, i)].join("\n")).join("\n\n"),
  );
  const sizes = {
    vocab_size: vocabulary.length,
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    intermediate_size: 64,
    max_position_embeddings: 64,
  };
  const mobile = { ...sizes, model_type: "mobilebert", embedding_size: 16, intra_bottleneck_size: 16, true_hidden_size: 16, num_feedforward_networks: 2 }; // prettier-ignore
  const run = (out, config) => ({
    task: "pretraining",
    out,
    model: { config, tokenizer: "vocab.txt" },
    data: { train: "text.txt", length: 32 },
    optimizer: { kind: "adamw" },
    schedule: { kind: "constant", rate: 1e-3 },
    steps: 2,
    batch: 4,
  });
  writeFileSync(join(folder, "bert.json"), JSON.stringify(run("bert", { ...sizes, model_type: "bert" }), null, 2));
  writeFileSync(join(folder, "mobilebert.json"), JSON.stringify(run("mobilebert", mobile), null, 2));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values, positionals } = parseArgs({
    options: { features: { type: "string" }, videos: { type: "string" } },
    allowPositionals: true,
  });
  const [folder] = positionals;
  if (!folder) {
    console.error("Usage: node scripts/make_datasets.mjs FOLDER [--features WIDTH] [--videos SECONDS]");
    process.exit(2);
  }
  for (const file of Object.values(makeDatasets(folder))) console.log(file);
  makeTextModels(folder);
  if (values.features) console.log(makeFeatures(folder, Number(values.features)));
  if (values.videos) {
    mkdirSync(join(folder, "videos"), { recursive: true });
    const { makeVideo } = await import("./make_samples.mjs");
    for (const [i, video] of VIDEOS.entries()) {
      await makeVideo(join(folder, "videos", `${video}.mp4`), {
        seed: i + 1,
        seconds: Number(values.videos),
        rate: 10,
      });
    }
  }
}
