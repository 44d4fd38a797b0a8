import { VideoError } from "../../base/errors.js";
import { withResolvers } from "../decode/with_resolvers.js";
import type { PreviewAnswer, PreviewQuestion } from "./preview_process.js";

// The process of one preview: it answers one question and is ended by the one who asked.
withResolvers();
process.once("disconnect", () => process.exit()); // nobody waits for it any more

async function answerTo(question: PreviewQuestion): Promise<PreviewAnswer> {
  const { encodersIn, writePreview } = await import("./preview_node_av.js");
  if ("encoders" in question) return { encoders: encodersIn(question.encoders) };
  await writePreview(question.request);
  return { done: true };
}

process.once("message", (question: PreviewQuestion) => {
  const answer = answerTo(question).catch((error: Error): PreviewAnswer => {
    const code = error instanceof VideoError ? error.code : "ERR_VIDEO_CORRUPT";
    return { code, message: error.message };
  });
  void answer.then((value) => process.send!(value));
});
