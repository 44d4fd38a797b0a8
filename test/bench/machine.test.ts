// Rows of benches name the processor and the instruction set.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cpuFamily, machine } from "../../bench/harness/machine.js";

const test = suite("bench machine");

function cpuinfo(vendor: string, family: number, model: number, stepping = 1): string {
  return `processor\t: 0\nvendor_id\t: ${vendor}\ncpu family\t: ${family}\nmodel\t\t: ${model}\nmodel name\t: A Processor\nstepping\t: ${stepping}\n\nprocessor\t: 1\n`;
}

test("families follow from the numbers of a processor", () => {
  const amd = (family: number, model: number) => cpuFamily(cpuinfo("AuthenticAMD", family, model), "");
  assert.equal(
    [amd(23, 0x31), amd(25, 1), amd(25, 0x21), amd(25, 0x11), amd(25, 0xa0)],
    ["zen2", "zen3", "zen3", "zen4", "zen4"],
  );
  assert.is(amd(26, 2), "zen5");
  const intel = (model: number, stepping?: number) => cpuFamily(cpuinfo("GenuineIntel", 6, model, stepping), "");
  assert.equal([intel(143), intel(207), intel(173)], ["sapphire-rapids", "emerald-rapids", "granite-rapids"]);
  assert.equal([intel(85, 4), intel(85, 7), intel(85, 11)], ["skylake", "cascade-lake", "cooper-lake"]);
});

test("a processor that is not known has its numbers, or its name", () => {
  assert.is(cpuFamily(cpuinfo("AuthenticAMD", 99, 3), ""), "amd-99-3");
  assert.is(cpuFamily(cpuinfo("GenuineIntel", 6, 1), ""), "intel-6-1");
  assert.is(cpuFamily("", "Apple M2 (Pro)"), "apple-m2-pro");
  assert.is(cpuFamily("", ""), "unknown");
});

test("VIDEOCLIP_ISA chooses the instruction set of a row", () => {
  const before = process.env.VIDEOCLIP_ISA;
  try {
    process.env.VIDEOCLIP_ISA = "portable";
    assert.is(machine().isa, "portable");
  } finally {
    if (before === undefined) delete process.env.VIDEOCLIP_ISA;
    else process.env.VIDEOCLIP_ISA = before;
  }
  assert.match(machine().cpu, /^[a-z0-9-]+$/);
});

test.run();
