// Compiles the ladders with the system's compilers, into build/ladder. The package's own kernels are compiled from their
// sources, with the options of CMakeLists.txt.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const output = join(root, "build/ladder");

/** Ladders by name, with the files of the package's kernels that their last step calls. */
export const LADDERS = {
  attention: { cpu: ["attention.cc"], cuda: ["attention.cu"] },
  conv: {
    cpu: ["conv3d.cc", "winograd_conv3d.cc", "pack_winograd_weight.cc"],
    cuda: ["conv3d.cu", "conv3d.depthwise.cu", "conv3d.stem.cu", "conv3d.windows.cu"],
  },
  contrastive: { cpu: ["contrastive_loss.cc"], cuda: ["contrastive_loss.cu"] },
} as const;

export type LadderName = keyof typeof LADDERS;

/** Runs a program and returns what it printed on both streams; throws with that when it fails. */
function run(command: string, args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", cwd: root });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}\n${error?.message ?? stdout + stderr}`);
  return stdout + stderr;
}

/** Paths of the files with these names in a folder or below it. */
function find(folder: string, names: readonly string[]): string[] {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  return names.map((name) => {
    const found = files.find((file) => basename(file) === name);
    if (found === undefined) throw new Error(`no file ${name} in ${folder}`);
    return join(root, folder, found);
  });
}

/** The widest instruction set that this machine and the package's kernels have, with its compiler options. */
function instructionSet(compiler: string): { isa: string; options: string[] } {
  const macros = run(compiler, ["-march=native", "-dM", "-E", "-x", "c++", "/dev/null"]);
  const has = (...names: string[]) => names.every((name) => macros.includes(`#define __${name}__ `));
  const isa = has("AVX512F", "AVX512VL", "AVX512DQ", "AVX512BW") ? "avx512" : has("AVX2", "FMA", "F16C") ? "avx2" : "";
  if (!isa) return { isa: "portable", options: [] };
  const listed = readFileSync(join(root, "CMakeLists.txt"), "utf8").match(new RegExp(`set\\(ISA_${isa} (.*)\\)`));
  if (!listed) throw new Error(`CMakeLists.txt has no options for ${isa}`);
  return { isa, options: listed[1]!.split(" ") };
}

const compiler = process.env.CXX ?? "g++";
/** Such as ccache; CMake reads the same variable. */
const launcher = process.env.CMAKE_CXX_COMPILER_LAUNCHER;
const warnings = ["-Wall", "-Wextra", "-Wno-psabi", "-Wno-unknown-pragmas"];
const include = (...folders: string[]) => folders.map((folder) => `-I${join(root, folder)}`);

/** Compiles C++ sources one by one and links them. */
function buildCpp(program: string, options: string[], sources: string[]): string {
  const folder = join(output, `${program}.objects`);
  mkdirSync(folder, { recursive: true });
  const command = launcher ? [launcher, compiler] : [compiler];
  const objects = sources.map((source, i) => {
    const object = join(folder, `${i}_${basename(source)}.o`);
    run(command[0]!, [...command.slice(1), ...options, "-c", "-x", "c++", source, "-o", object]);
    return object;
  });
  const path = join(output, program);
  run(compiler, [...objects, "-lpthread", "-ldl", "-o", path]);
  return path;
}

/** Compiles the ladder of a kernel on the CPU; returns the program and its instruction set. */
export function buildCpu(name: LadderName): { program: string; isa: string } {
  const { isa, options } = instructionSet(compiler);
  const common = ["-std=gnu++17", "-O3", "-ffp-contract=fast", "-fno-math-errno", ...warnings, ...options];
  const program = buildCpp(
    `${name}_cpu`,
    [...common, `-DVIDEOCLIP_ISA=${isa}`, ...include("native/cpp")],
    [
      join(here, "cpu", `${name}.cc`),
      ...find("native/cpp/cpu", LADDERS[name].cpu),
      ...find("native/cpp/runtime", ["kernel.cc", "matrix_unit.cc", "thread_pool.cc"]),
    ],
  );
  return { program, isa };
}

/** Compiles the CUDA ladder of a kernel for the emulator. */
export function buildEmulated(name: LadderName): string {
  const emulator = readdirSync(join(root, "native/cpp/emulator")).filter((file) => file.endsWith(".cc"));
  return buildCpp(
    `${name}_emulated`,
    [...hostOptions, "-DVIDEOCLIP_EMULATED", "-DVIDEOCLIP_WITH_EMULATOR"],
    [...hostSources(name), ...find("native/cpp/emulator", emulator)],
  );
}

const hostOptions = ["-std=gnu++17", "-O2", "-Wno-strict-aliasing", ...warnings, ...include("native", "native/cpp")];

/** The files of a CUDA ladder that the host compiler takes. */
function hostSources(name: LadderName): string[] {
  const runtime = [
    "device_code.cc",
    "driver.cc",
    "gpu.cc",
    "kernel.cc",
    "matrix_unit.cc",
    "message.cc",
    "pages.cc",
    "thread_pool.cc",
  ];
  return [
    join(here, "cuda", `${name}.cu`),
    ...find("native/cuda", LADDERS[name].cuda),
    ...find("native/cpp/runtime", runtime),
  ];
}

const nvccOptions = [
  "-std=c++17",
  "-O3",
  "-arch=sm_90",
  "--expt-relaxed-constexpr",
  ...include("native", "native/cpp"),
];

/** Compiles the CUDA ladder of a kernel for a GPU of compute capability 9.0: the kernels into a GPU file, the rest into a program. */
export function buildCuda(name: LadderName): string {
  const folder = join(output, `${name}_cuda`);
  mkdirSync(folder, { recursive: true });
  const images = [join(here, "cuda", `${name}.cu`), ...find("native/cuda", LADDERS[name].cuda)].map((source, i) => {
    const image = join(folder, i === 0 ? "ladder.fatbin" : `${basename(source, ".cu")}.fatbin`);
    run("nvcc", [...nvccOptions, "-fatbin", source, "-o", image]);
    return image;
  });
  run(process.execPath, [join(root, "scripts/join_kernels.mjs"), join(folder, "videoclip.gpu"), ...images]);
  return buildCpp(`${name}_cuda/run`, hostOptions, hostSources(name));
}

/** What the assembler of nvcc says about one kernel. */
export interface KernelResources {
  kernel: string;
  /** Of one thread. */
  registers: number;
  /** Bytes of registers that are stored to memory and loaded back. */
  spilled: number;
}

/** Registers and spills of a ladder's own kernels at compute capability 9.0; undefined where there is no nvcc. */
export function resources(name: LadderName): KernelResources[] | undefined {
  if (spawnSync("nvcc", ["--version"]).status !== 0) return undefined;
  mkdirSync(output, { recursive: true });
  const log = run("nvcc", [
    ...nvccOptions,
    "-Xptxas=-v",
    "-cubin",
    join(here, "cuda", `${name}.cu`),
    "-o",
    join(output, `${name}.cubin`),
  ]);
  const parts = log.split("Compiling entry function ").slice(1);
  const mangled = parts.map((part) => part.match(/^'([^']+)'/)![1]!);
  const names = run("c++filt", ["-p", ...mangled])
    .trim()
    .split("\n");
  const kernels = parts.map((part, i) => {
    const number = (pattern: RegExp) => Number(part.match(pattern)?.[1] ?? 0);
    return {
      kernel: names[i]!.replace(/^.*::/, ""),
      registers: number(/Used (\d+) registers/),
      spilled: number(/(\d+) bytes spill stores/) + number(/(\d+) bytes spill loads/),
    };
  });
  return kernels.reverse(); // the assembler begins with the last one of the file
}
