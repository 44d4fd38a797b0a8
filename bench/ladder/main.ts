// npm run ladder -- [attention | conv | contrastive] [--emulated | --cuda] [--rounds N] [--realtime]: the steps from a
// plain kernel to the package's own, each checked and measured; see README.md.
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { buildCpu, buildCuda, buildEmulated, LADDERS, type LadderName, resources } from "./build.js";
import { countedTable, type CountedStep, disagreeing, markdown, runLadder, type Step, timeTable } from "./run.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    emulated: { type: "boolean", default: false },
    cuda: { type: "boolean", default: false },
    rounds: { type: "string" },
    realtime: { type: "boolean", default: false },
  },
});
const names = positionals.length ? positionals : Object.keys(LADDERS);
const rounds = Number(values.rounds ?? (values.cuda ? 20 : 7));
const known = names.every((name) => Object.hasOwn(LADDERS, name));
if (!known || !Number.isInteger(rounds) || rounds < 1 || (values.cuda && values.emulated)) {
  const ladders = Object.keys(LADDERS).join(" | ");
  console.error(`Usage: npm run ladder -- [${ladders}] [--emulated | --cuda] [--rounds N] [--realtime]`);
  process.exit(2);
}

/** Runs one ladder and prints its table; returns its steps. */
function runOne(name: LadderName): Step[] {
  if (values.emulated) {
    const steps = runLadder<CountedStep>(buildEmulated(name), []);
    console.log(`\n${name}, CUDA on the emulator: counts, not times\n\n${countedTable(steps)}`);
    const kernels = resources(name)?.map((k) => [k.kernel, String(k.registers), String(k.spilled)]);
    if (kernels) console.log(`\n${markdown([["kernel", "registers", "bytes spilled"], ...kernels])}`);
    return steps;
  }
  const { program, isa } = values.cuda ? { program: buildCuda(name), isa: "CUDA" } : buildCpu(name);
  const steps = runLadder<Step>(program, ["--rounds", String(rounds)], values.realtime);
  const machine = values.cuda ? "" : `, one thread unless the step says otherwise, ${cpus()[0]?.model}`;
  console.log(`\n${name}, ${isa}${machine}\n\n${timeTable(steps)}`);
  return steps;
}

for (const name of names as LadderName[]) {
  try {
    const wrong = disagreeing(runOne(name));
    if (!wrong.length) continue;
    console.error(`These steps of ${name} differ from float64 by more than their bound: ${wrong.join("; ")}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
  }
  process.exitCode = 1;
}
