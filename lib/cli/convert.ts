import { Command } from "commander";
import { convertWeights } from "../weights/inspect.js";

/** `videoclip convert`: a checkpoint to safetensors. */
export function convertCommand(): Command {
  return new Command("convert")
    .description("Convert a PyTorch checkpoint to safetensors (nothing in it is executed)")
    .argument("<input>", ".pth, .pt, .pyth or .bin")
    .argument("<output>", ".safetensors")
    .action(async (input: string, output: string) => {
      const count = await convertWeights(input, output);
      process.stderr.write(`${count} tensors written to ${output}\n`);
    });
}
