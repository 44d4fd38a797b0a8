// Tests that repeat others on an emulated device of compute capability 9.0.
import { loadAddon } from "#lib/runtime/binding.js";

/** Makes the process fail at its end if no kernel for Hopper GPUs has run since the counters were read. */
export function expectHopper(): void {
  process.on("exit", () => {
    if (loadAddon().addon.emulator!.counters().wgmma > 0) return;
    process.stdout.write("FAIL no kernel for Hopper GPUs has run\n");
    process.exitCode = 1;
  });
}
