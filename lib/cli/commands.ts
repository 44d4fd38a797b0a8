import type { Command } from "commander";

/** The commands of `videoclip`, in the order of its help. Each is loaded when it is needed: together they take half a second. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  extract: async () => (await import("./extract.js")).extractCommand(),
  queue: async () => (await import("./queue.js")).queueCommand(),
  work: async () => (await import("./work.js")).workCommand(),
  features: async () => (await import("./features_command.js")).featuresCommand(),
  embed: async () => (await import("./embed.js")).embedCommand(),
  index: async () => (await import("./index.js")).indexCommand(),
  search: async () => (await import("./search.js")).searchCommand(),
  serve: async () => (await import("./serve.js")).serveCommand(),
  classify: async () => (await import("./classify.js")).classifyCommand(),
  data: async () => (await import("./data.js")).dataCommand(),
  eval: async () => (await import("./eval.js")).evalCommand(),
  inspect: async () => (await import("./inspect.js")).inspectCommand(),
  convert: async () => (await import("./convert.js")).convertCommand(),
  doctor: async () => (await import("./doctor.js")).doctorCommand(),
  train: async () => (await import("./train.js")).trainCommand(),
  plot: async () => (await import("./plot.js")).plotCommand(),
};

/** All commands, in the order of the help. */
export const allCommands = (): Promise<Command[]> => Promise.all(Object.values(COMMANDS).map((load) => load()));

/** The commands that these arguments need: the one that they begin with, or all, for help and for a name that is none. */
export async function commandsFor([name = ""]: readonly string[]): Promise<Command[]> {
  if (name === "--version") return [];
  return Object.hasOwn(COMMANDS, name) ? [await COMMANDS[name]()] : allCommands();
}
