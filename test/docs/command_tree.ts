// The command line as commander parses it, to check command lines without running them.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Command, CommanderError } from "commander";

type MakeCommand = () => Command;

/** The functions of `dist/cli` that make commands: all exports whose name ends with `Command`. */
export async function commandMakers(root: string): Promise<MakeCommand[]> {
  const folder = join(root, "dist/cli");
  const files = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith(".js") && file !== "main.js");
  const makers = new Map<string, MakeCommand>();
  for (const file of files.sort()) {
    const exported = (await import(pathToFileURL(join(folder, file)).href)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(exported)) {
      if (name.endsWith("Command") && typeof value === "function" && value.length === 0) {
        makers.set(name, value as MakeCommand);
      }
    }
  }
  return [...makers.values()];
}

/** `videoclip` with all commands, without their actions. */
export function commandTree(makers: readonly MakeCommand[]): Command {
  const program = new Command("videoclip").version("0");
  for (const make of makers) program.addCommand(make());
  const disarm = (command: Command): void => {
    command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
    if (command.commands.length === 0) command.action(() => {});
    command.commands.forEach(disarm);
  };
  disarm(program);
  return program;
}

/** Parses the words after `videoclip` as the command line does. Returns its error message, or undefined. */
export function complaintAbout(makers: readonly MakeCommand[], words: readonly string[]): string | undefined {
  try {
    commandTree(makers).parse(words, { from: "user" });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? undefined : error.message;
    throw error;
  }
}

/** The command that the first words name, and the number of these words. */
export function findCommand(program: Command, words: readonly string[]): { command: Command; used: number } {
  let command = program;
  let used = 0;
  for (const word of words) {
    const next = command.commands.find((c) => c.name() === word || c.aliases().includes(word));
    if (!next) break;
    command = next;
    used++;
  }
  return { command, used };
}

/** Whether the command, or one of its subcommands, has the option (`--name` or `-n`). */
export function hasOption(command: Command, option: string): boolean {
  if (["--help", "-h"].includes(option)) return true;
  if (command.options.some(({ long, short }) => long === option || short === option)) return true;
  return command.commands.some((inner) => hasOption(inner, option));
}
