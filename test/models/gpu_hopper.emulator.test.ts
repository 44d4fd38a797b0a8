// A narrow S3D-G gives the CPU's results with the kernels for Hopper GPUs, on an emulated device of compute capability 9.0.
import { expectHopper } from "../support/hopper.js";

process.env.VIDEOCLIP_EMULATOR_HOPPER = "1";
process.env.VIDEOCLIP_NETWORKS ??= "a narrow S3D-G";
await import("./gpu.emulator.test.js");
expectHopper();
