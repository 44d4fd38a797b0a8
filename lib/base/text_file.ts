import { open } from "node:fs/promises";
import { encodingOf } from "./text_encoding.js";

/** Bytes that are read at a time. */
const BLOCK = 1 << 18;

/** The text of a file in parts, without its byte order mark. @throws the system's error */
export async function* textParts(path: string): AsyncGenerator<string> {
  const file = await open(path, "r");
  try {
    const block = new Uint8Array(BLOCK);
    let decoder: InstanceType<typeof TextDecoder> | undefined;
    for (;;) {
      const { bytesRead } = await file.read(block, 0, BLOCK);
      const bytes = block.subarray(0, bytesRead);
      decoder ??= new TextDecoder(encodingOf(bytes));
      yield decoder.decode(bytes, { stream: bytesRead > 0 });
      if (bytesRead === 0) return;
    }
  } finally {
    await file.close();
  }
}

/** The lines of a text file, which end with a line feed, a carriage return or both. @throws the system's error */
export async function* textLines(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const part of textParts(path)) {
    const text = rest + part;
    // a carriage return at the end may be the first half of a line break
    const whole = text.endsWith("\r") && part !== "" ? text.slice(0, -1) : text;
    const lines = whole.split(/\r\n|\n|\r/);
    rest = lines.pop()! + text.slice(whole.length);
    yield* lines;
  }
  if (rest !== "") yield rest;
}
