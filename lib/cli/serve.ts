import { once } from "node:events";
import { Command, InvalidArgumentError, Option } from "commander";
import { serveIndexes } from "../serve/serve.js";
import type { ServeOptions } from "../serve/serve_options.js";
import { onInterrupt } from "./interrupt.js";
import { collect, positive, whole } from "./options.js";

interface Flags extends Omit<ServeOptions, "allowedHosts"> {
  index: string[];
  allowHost?: string[];
}

/** `videoclip serve`: a page and an API that search indexes. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("Search indexes in a browser, and by an API: a local server that reads only")
    .requiredOption("--index <dir>", "folder that videoclip index made; repeat it for several", collect)
    .option("--videos <dir>", "where the videos are now; nothing outside of it is sent; repeat it for several", collect)
    .option(
      "--features <dir>",
      "folder with the features of the videos: searches can be filtered by its manifest; repeat it for several",
      collect,
    )
    .option("--port <n>", "port; 0 takes a free one", port, 8420)
    .option("--host <address>", "address to listen on; any but this machine's own needs --token", "127.0.0.1")
    .addOption(
      new Option(
        "--token <text>",
        "what every request must have, 16 characters or more; the variable keeps it out of lists of processes",
      ).env("VIDEOCLIP_TOKEN"),
    )
    .option("--allow-host <name>", "another name of this server, such as that of a proxy; can be repeated", collect)
    .option(
      "--parallel <n>",
      "searches that are answered at once, in passes over the rows that they share",
      positive,
      32,
    )
    .option("--waiting <n>", "searches that may wait; more are refused", positive, 64)
    .option("--timeout <s>", "seconds after which a search is given up", positive, 30)
    .option("--no-previews", "do not encode parts of videos that browsers cannot play")
    .option("--model <path>", "where the model of the indexes is now, if it moved")
    .option("--tokenizer <path>", "where its tokenizer is now")
    .option("--words <file>", "where s3d_dict.npy is now")
    .option("--threads <n>", "compute threads; default: the cores of this machine", positive)
    .addHelpText("after", "\nExample:\n  videoclip serve --index index/ --videos videos/ --port 8420")
    .action((flags: Flags) =>
      onInterrupt(
        (signal) => run(flags, signal),
        () => {},
      ),
    );
}

async function run({ index, allowHost, ...options }: Flags, signal: AbortSignal): Promise<void> {
  const log = (event: Record<string, unknown>) =>
    void process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
  const server = await serveIndexes(index, { ...options, allowedHosts: allowHost, log, signal });
  process.stdout.write(`${server.url}\n`);
  if (!signal.aborted) await once(signal, "abort");
  await server.close();
}

function port(text: string): number {
  const value = whole(text);
  if (value > 65_535) throw new InvalidArgumentError("expected 0 to 65535");
  return value;
}
