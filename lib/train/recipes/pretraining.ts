import { readFileSync } from "node:fs";
import { makeFolder, writeDurably } from "../../base/files.js";
import { join } from "node:path";
import { createDevice } from "../../runtime/device.js";
import { DatasetError, InvalidArgumentError } from "../../base/errors.js";
import { readTextFields, textConfig, type HuggingFaceConfig } from "../../models/text/text_config.js";
import { Random } from "../../base/random.js";
import { RANDOM_STREAMS } from "../../base/random_streams.js";
import { pieceIds } from "../../text/piece_ids.js";
import { WordPieceTokenizer } from "../../text/wordpiece.js";
import { initializeParameters, parametersOfTask } from "../initialize.js";
import { Optimizer } from "../optimizer.js";
import { nextSentencePair } from "../tasks/masked_language.js";
import { pretrainingBatch, pretrainingTask } from "../tasks/pretraining.js";
import type { TrainingData } from "../task.js";
import { deviceOf } from "./open_model.js";
import type { PreparedRun, RunContext } from "./prepared_run.js";
import type { PretrainingConfig } from "./schema.js";

/** Model and data of a pre-training of BERT or MobileBERT from scratch. */
export async function preparePretraining(config: PretrainingConfig, context: RunContext): Promise<PreparedRun> {
  const { path } = context;
  const given = config.model.config;
  const tokenizer = WordPieceTokenizer.load(path(config.model.tokenizer));
  const fields = {
    ...(typeof given === "string" ? readTextFields(path(given)) : (given as HuggingFaceConfig)),
  };
  const text = textConfig(fields);
  if (tokenizer.size > text.vocabulary) {
    throw new InvalidArgumentError(
      `model.config.vocab_size: expected at least ${tokenizer.size}, the tokenizer's, received ${text.vocabulary}`,
      { argument: "model.config.vocab_size" },
    );
  }
  const documents = readDocuments(path(config.data.train), tokenizer);
  const { seed = 0, batch: size } = config;
  const { length = Math.min(128, text.maxPositions), rate } = config.data;
  const id = (token: string) => tokenizer.id(token)!;
  const ids = { clsId: id("[CLS]"), sepId: id("[SEP]"), padId: id("[PAD]"), maskId: id("[MASK]") };
  const options = { ...ids, special: [id("[UNK]")], vocabulary: tokenizer.size, length, rate };
  const data: TrainingData = {
    batch: (index) => {
      const random = new Random(seed, RANDOM_STREAMS.pretrainingPairs, index);
      const pairs = Array.from({ length: size }, () => nextSentencePair(documents, random));
      return pretrainingBatch(pairs, random, text, options);
    },
  };
  const task = pretrainingTask(text);
  const parameters = parametersOfTask(task, await data.batch(0), new Optimizer(config.optimizer));
  const device = createDevice(deviceOf(config, context));
  initializeParameters(device.parameters, parameters, seed);
  return {
    device,
    task,
    data,
    optimizer: config.optimizer,
    parameters,
    examples: documents.reduce((sum, document) => sum + document.length, 0),
    saveFiles: async (folder) => {
      makeFolder(folder);
      writeDurably(join(folder, "config.json"), `${JSON.stringify(fields, null, 2)}\n`);
      tokenizer.save(folder);
    },
    dispose: () => device.dispose(),
  };
}

/** Sentences of a text file by document: a sentence a line, an empty line between documents. */
function readDocuments(file: string, tokenizer: WordPieceTokenizer): number[][][] {
  const documents = readFileSync(file, "utf8")
    .split(/\r?\n\s*\r?\n/)
    .map((document) =>
      document
        .split(/\r?\n/)
        .filter((line) => line.trim() !== "")
        .map((line) => [...pieceIds(tokenizer, line)]),
    )
    .filter((sentences) => sentences.length > 0);
  if (documents.length >= 2 && documents.some((sentences) => sentences.length >= 2)) return documents;
  throw new DatasetError(
    "ERR_DATASET",
    `${file}: expected two or more documents (with an empty line between), one of them of two sentences or more`,
    { file },
  );
}
