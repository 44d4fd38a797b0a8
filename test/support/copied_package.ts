// A copy of this repository for tests of the scripts that write into it.
import { cpSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/lint/syntax.js";
import { temporaryFolder } from "./temporary_folder.js";

const ENTRIES = ["lib", "native", "scripts", "test", "package.json", "tsconfig.json", "tsconfig.test.json"];
const SETTINGS = ["CMakeLists.txt", ".clang-format", ".prettierrc.json", ".prettierignore"];

interface CopiedPackage {
  folder: string;
  remove(): void;
}

/** Copies sources and settings, without build outputs, into a temporary folder; dependencies are linked. */
export function copyPackage(): CopiedPackage {
  const folder = temporaryFolder("package");
  const fixtures = join(root, "test/fixtures");
  for (const entry of [...ENTRIES, ...SETTINGS]) {
    cpSync(join(root, entry), join(folder, entry), { recursive: true, filter: (path) => path !== fixtures });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir");
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}
