// How alike sentences are to VideoCLIP: node examples/embed_text.mjs MODEL SENTENCE... (MODEL: a folder or MMPT checkpoint)
import { VideoClip } from "videoclip";

const [path, ...sentences] = process.argv.slice(2);
const model = await VideoClip.load(path);
const texts = await model.encodeText(sentences);
const table = await model.similarity(texts, texts); // raw dot products, [sentences, sentences]
sentences.forEach((sentence, i) => {
  const row = Array.from(table.data.subarray(i * sentences.length, (i + 1) * sentences.length), (v) => v.toFixed(2));
  console.log(`${row.join("  ")}  ${sentence}`);
});
model.dispose();
