import type { Command } from "commander";

/**
 * Handles closed readers of stdout and stderr (`| head`): a command whose result is its output then ends with exit code
 * 0; one whose result is a folder continues.
 */
export function tolerateClosedPipes(program: Command): void {
  let writesFiles = false;
  program.hook("preAction", (_, command) => {
    writesFiles = command.options.some(({ long }) => long === "--out");
  });
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (isClosed(error)) {
      if (!writesFiles) process.exit(0);
      return;
    }
    process.stderr.write(`videoclip: the output cannot be written: ${error.message} [${error.code}]\n`);
    process.exit(1);
  });
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (!isClosed(error)) process.exit(1);
  });
}

const isClosed = ({ code }: NodeJS.ErrnoException): boolean =>
  code === "EPIPE" || code === "ERR_STREAM_DESTROYED" || code === "EOF"; // EOF on Windows
