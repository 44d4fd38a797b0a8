import type { Command } from "commander";
import { classifyCommand } from "./classify.js";
import { convertCommand } from "./convert.js";
import { dataCommand } from "./data.js";
import { doctorCommand } from "./doctor.js";
import { embedCommand } from "./embed.js";
import { evalCommand } from "./eval.js";
import { extractCommand } from "./extract.js";
import { featuresCommand } from "./features_command.js";
import { indexCommand } from "./index.js";
import { inspectCommand } from "./inspect.js";
import { plotCommand } from "./plot.js";
import { queueCommand } from "./queue.js";
import { searchCommand } from "./search.js";
import { serveCommand } from "./serve.js";
import { trainCommand } from "./train.js";
import { workCommand } from "./work.js";

/** All commands of `videoclip`, in the order of its help. */
export const allCommands = (): Command[] => [
  extractCommand(),
  queueCommand(),
  workCommand(),
  featuresCommand(),
  embedCommand(),
  indexCommand(),
  searchCommand(),
  serveCommand(),
  classifyCommand(),
  dataCommand(),
  evalCommand(),
  inspectCommand(),
  convertCommand(),
  doctorCommand(),
  trainCommand(),
  plotCommand(),
];
