// The kernels for Hopper GPUs, which use tensor copies and wgmma, pass the same conformance tests on an emulated device
// of compute capability 9.0.
import { expectHopper } from "../support/hopper.js";

process.env.VIDEOCLIP_EMULATOR_HOPPER = "1";
process.env.VIDEOCLIP_OPS ??= "linear,conv3d,conv3d_sums,matmul,attention";
process.env.VIDEOCLIP_DTYPES ??= "bf16,f16";
await import("./conformance_cuda.emulator.test.js");
expectHopper();
