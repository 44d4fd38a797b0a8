// Everything that is installed with the package has a permissive licence and no install script, and THIRD_PARTY.md names it.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("licences");

interface Locked {
  license?: string;
  dev?: boolean;
  hasInstallScript?: boolean;
}
const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, Locked> };
const { dependencies, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as Record<
  string,
  Record<string, string>
>;
const notices = readFileSync("THIRD_PARTY.md", "utf8");
const installed = Object.entries(packages).filter(([path, { dev }]) => path !== "" && !dev);

const PERMISSIVE = ["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "0BSD"];

test("what is installed is permissively licensed", () => {
  assert.ok(installed.length >= Object.keys(dependencies).length);
  assert.equal(installed.filter(([, { license }]) => !PERMISSIVE.includes(license ?? "none")).map(([path, { license }]) => `${path}: ${license}`), []); // prettier-ignore
});

test("what is installed runs no script", () => {
  assert.equal(installed.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path), []); // prettier-ignore
});

for (const name of [...Object.keys(dependencies), ...Object.keys(peerDependencies)]) {
  test(`THIRD_PARTY.md names ${name} with its licence`, () => {
    const row = notices.split("\n").find((line) => line.startsWith("|") && line.split("|")[1].split(/[ ,]+/).includes(name)); // prettier-ignore
    assert.ok(row, "no row");
    const { license = "" } = packages[`node_modules/${name}`];
    if (!license.startsWith("SEE LICENSE")) assert.ok(row.split("|")[2].includes(license), `${license} in ${row}`);
  });
}

test.run();
