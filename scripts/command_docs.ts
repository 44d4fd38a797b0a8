// Writes docs/command_line.md from the commands and their --help: npm run docs:commands
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Argument, Command, Option } from "commander";
import { allCommands } from "../dist/cli/commands.js";

const HEAD = `<!-- Written by \`npm run docs:commands\` from the commands in lib/cli and scripts/command_docs.ts. Edit those, not this file. -->

# Command line

\`videoclip COMMAND --help\` says what a command takes; this page says the same. In a project that has the package,
\`npx videoclip\` runs it.

- Data go to standard output, progress and messages to standard error. \`--json\` makes the output JSON, \`--quiet\` leaves progress out.
  On a terminal progress is a bar; elsewhere it is a line every ten seconds.
- Exit codes: 0 when everything went well, 1 for a failure while running, 2 for wrong usage, 130 after an interruption. SIGINT (Ctrl-C)
  and SIGTERM end a command in order: what was finished is safe on the disk, and the message says how to go on.
- A failure prints its reason and its [code](errors.md).
- \`VIDEOCLIP_ISA=portable|neon|neon-bf16|avx2|avx512|amx\` forces an instruction set of the CPU, \`VIDEOCLIP_NVTX=1\` names ops in a GPU profiler's time
  line.

Features in a folder:

\`\`\`sh
videoclip extract videos/ --model s3dg --weights s3d_howto100m.pth --frames 16 --size 128 --out features/
\`\`\`

\`videos/\` may be files, folders, globs, or lists: \`.csv\` and \`.tsv\` with a column \`path\` or \`video\` (commas, semicolons or tabs,
UTF-8 or UTF-16), \`.jsonl\` and \`.json\` with such a field, \`.txt\` with a path in each line. Folders are searched with those below them
and with the folders that links lead to, each once. Pictures beside the video of their name, folders that programs make for themselves
(\`node_modules\`, \`.cache\`, \`@eaDir\`) and files with other endings are left out; one line counts them. Inputs and rows of lists
may also be addresses, \`s3://\` and \`https://\`: see [object storage](object_storage.md).

The folder gets one \`.npy\` \`[clips, dim]\` for each video, \`manifest.jsonl\` (path, duration, time stamps, weights, settings, size and
time of the file) and \`failures.jsonl\` (reason and time of each video that failed). Results do not depend on \`--batch\`, \`--decoders\` or
\`--threads\`. [Presets](presets.md) say how clips are made.

- \`--resume\` goes on with a folder. Videos whose files changed since are extracted again, videos that were moved keep their features,
  and features that are gone or not whole are made again. Of several records of a video the last one counts.
- \`videoclip features check\` compares a folder with its records, \`merge\` makes one manifest from those of many writers; see [the folder of an
  extraction](data_and_evaluation.md#the-folder-of-an-extraction). A folder of millions of videos resumes in bounded memory.
- Several machines may share a folder with \`--shard\`. One writer at a time has the lock; that of a process that is gone, also on another
  machine or in another container, is taken over once it was not renewed for 20 s.
- What belongs to one video is its failure. A full disk, a lost mount or a missing decoder ends the run with one line and exit code 1;
  nothing is noted as failed for it, and \`--resume\` goes on when it is mended.
`;

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ").replaceAll("<", "\\<");
const code = (text: string): string => `\`${text.replaceAll("|", "\\|")}\``;

function table(head: string, rows: readonly [string, string][]): string[] {
  if (rows.length === 0) return [];
  return [`| ${head} | meaning |\n|---|---|\n${rows.map(([name, text]) => `| ${name} | ${text} |`).join("\n")}`];
}

/** The valid values and the default of an option, which its description does not repeat. */
function facts({ argChoices, defaultValue }: Pick<Option & Argument, "argChoices" | "defaultValue">): string {
  const empty = Array.isArray(defaultValue) && defaultValue.length === 0;
  const parts = [
    ...(argChoices ? [`one of ${argChoices.map(code).join(", ")}`] : []),
    ...(defaultValue === undefined || empty || defaultValue === false ? [] : [`default ${code(String(defaultValue))}`]),
  ];
  return parts.length > 0 ? ` (${parts.join("; ")})` : "";
}

/** The text after the options in a command's help. */
function after(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text.slice(text.indexOf(command.helpInformation()) + command.helpInformation().length).trim();
}

function section(command: Command, name: string, level: number): string[] {
  const inner = command.commands.filter((each) => each.name() !== "help");
  const help = after(command);
  return [
    `${"#".repeat(level)} ${name}`,
    `${command.description()}.`,
    ...table(
      "argument",
      command.registeredArguments.map((each) => [
        code(each.required ? `<${each.name()}${each.variadic ? "..." : ""}>` : `[${each.name()}]`),
        cell(each.description) + facts(each as Argument & Option),
      ]),
    ),
    ...table(
      "option",
      command.options.map((each) => [
        code(each.flags),
        cell(each.description) + (each.mandatory ? " (needed)" : "") + facts(each as Argument & Option),
      ]),
    ),
    ...(help ? [`\`\`\`text\n${help}\n\`\`\``] : []),
    ...inner.flatMap((each) => section(each, `${name} ${each.name()}`, level + 1)),
  ];
}

/** The text of docs/command_line.md. */
export async function commandDocs(): Promise<string> {
  const sections = (await allCommands()).flatMap((command) => section(command, `videoclip ${command.name()}`, 2));
  return `${[HEAD.trimEnd(), ...sections].join("\n\n")}\n`;
}

const path = fileURLToPath(new URL("../docs/command_line.md", import.meta.url));
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(path, await commandDocs());
  console.log(path);
}
