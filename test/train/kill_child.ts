// Trains in a given folder, slowly enough to be killed before its end; resumes an earlier run.
import { createDevice } from "#lib/runtime/device.js";
import { Trainer } from "#lib/train/trainer.js";
import { initialise, options } from "./small_run.js";

const device = createDevice({ device: "cpu", threads: Number(process.argv[3]) });
initialise(device);
const trainer = new Trainer(
  options(device, { folder: process.argv[2], resume: true, steps: 60, saveEvery: 4, keep: 2 }),
);
for await (const { step } of trainer.run()) {
  process.stdout.write(`${step}\n`);
  await new Promise((resolve) => setTimeout(resolve, 2));
}
device.dispose();
