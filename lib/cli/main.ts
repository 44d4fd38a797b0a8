#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { VideoClipError } from "../errors.js";
import { classifyCommand } from "./classify.js";
import { convertCommand } from "./convert.js";
import { dataCommand } from "./data.js";
import { doctorCommand } from "./doctor.js";
import { embedCommand } from "./embed.js";
import { evalCommand } from "./eval.js";
import { extractCommand } from "./extract.js";
import { indexCommand } from "./index.js";
import { inspectCommand } from "./inspect.js";
import { plotCommand } from "./plot.js";
import { searchCommand } from "./search.js";
import { trainCommand } from "./train.js";
import { VERSION } from "../version.js";

const program = new Command("videoclip")
  .description("Video features with S3D, S3D-G and X3D, on native kernels")
  .version(VERSION)
  .exitOverride()
  .showHelpAfterError("(run with --help for the options)");

/** Usage errors of a command and of those below it end with where to find help, and with exit code 2. */
function strict(command: Command): Command {
  command.commands.forEach(strict);
  return command.exitOverride().showHelpAfterError("(run with --help for the options)");
}
for (const command of [
  extractCommand(),
  embedCommand(),
  indexCommand(),
  searchCommand(),
  classifyCommand(),
  dataCommand(),
  evalCommand(),
  inspectCommand(),
  convertCommand(),
  doctorCommand(),
  trainCommand(),
  plotCommand(),
]) {
  program.addCommand(strict(command));
}

/** 0 ok, 1 failure while running, 2 wrong usage, 130 interrupted. */
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof VideoClipError) {
    process.stderr.write(`videoclip: ${error.message} [${error.code}]\n`);
    process.exitCode = error.code === "ERR_INVALID_ARGUMENT" ? 2 : 1;
  } else {
    process.stderr.write(`videoclip: ${error instanceof Error ? error.stack : error}\n`);
    process.exitCode = 1;
  }
}
