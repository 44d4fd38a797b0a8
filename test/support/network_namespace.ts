// A separate network for a process of a test, which can be cut off from the rest of the machine.
import { spawnSync } from "node:child_process";

export interface TestNetwork {
  /** Address of this machine, as processes in the network see it. */
  host: string;
  /** Begin of a command line that runs a command in the network. */
  prefix: readonly string[];
  cut(isCut: boolean): void;
  remove(): void;
}

const ip = (...args: string[]): boolean => spawnSync("ip", args, { stdio: "ignore" }).status === 0;

/** Makes a network; undefined without the right to do so. */
export function makeNetwork(number: number): TestNetwork | undefined {
  const name = `videoclip${process.pid}${number}`;
  const [outer, inner] = [`vco${process.pid % 100_000}${number}`, `vci${process.pid % 100_000}${number}`];
  const net = `10.251.${process.pid % 250}`;
  if (!ip("netns", "add", name)) return undefined;
  const remove = () => {
    ip("link", "del", outer);
    ip("netns", "del", name);
  };
  const isMade =
    ip("link", "add", outer, "type", "veth", "peer", "name", inner) &&
    ip("link", "set", inner, "netns", name) &&
    ip("addr", "add", `${net}.1/24`, "dev", outer) &&
    ip("link", "set", outer, "up") &&
    ip("-n", name, "addr", "add", `${net}.2/24`, "dev", inner) &&
    ip("-n", name, "link", "set", inner, "up") &&
    ip("-n", name, "link", "set", "lo", "up");
  if (!isMade) {
    remove();
    return undefined;
  }
  return {
    host: `${net}.1`,
    prefix: ["ip", "netns", "exec", name],
    cut: (isCut) => void ip("-n", name, "link", "set", inner, isCut ? "down" : "up"),
    remove,
  };
}
