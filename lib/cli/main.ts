#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { VideoClipError } from "../base/errors.js";
import { commandsFor } from "./commands.js";
import { systemCode } from "../base/system_error.js";
import { VERSION } from "../base/version.js";
import { tolerateClosedPipes } from "./pipes.js";

const program = new Command("videoclip")
  .description("Embed, search and train on videos and texts: VideoCLIP and its encoders, on native kernels")
  .version(VERSION)
  .exitOverride()
  .showHelpAfterError("(run with --help for the options)");

/** Adds a hint on help to usage errors of a command and its subcommands, and sets exit code 2. */
function strict(command: Command): Command {
  command.commands.forEach(strict);
  return command.exitOverride().showHelpAfterError("(run with --help for the options)");
}
for (const command of await commandsFor(process.argv.slice(2))) program.addCommand(strict(command));

tolerateClosedPipes(program);

/** 0 ok, 1 failure while running, 2 wrong usage, 130 interrupted. */
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof VideoClipError) {
    process.stderr.write(`videoclip: ${error.message} [${error.code}]\n`);
    process.exitCode = error.code === "ERR_INVALID_ARGUMENT" ? 2 : 1;
  } else if (systemCode(error)) {
    // an error of the system is not a bug of the program
    process.stderr.write(`videoclip: ${(error as Error).message} [${systemCode(error)}]\n`);
    process.exitCode = 1;
  } else {
    process.stderr.write(`videoclip: ${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = 1;
  }
}
