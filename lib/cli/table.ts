/** Numbers by name, one per line, nested ones below a heading: the output of commands without `--json`. */
export function table(metrics: object, indent = ""): string {
  return Object.entries(metrics)
    .map(([name, value]) => {
      if (Array.isArray(value)) value = value.map((v) => Number(Number(v).toFixed(4))).join(" to ");
      else if (typeof value === "object" && value !== null) {
        return `${indent}${name}\n${table(value as object, `${indent}  `)}`;
      } else if (typeof value === "number") value = Number(value.toFixed(4));
      return `${indent}${name.padEnd(32 - indent.length)} ${String(value)}`;
    })
    .join("\n");
}

/** Prints metrics on stdout, as a table or as one JSON object. */
export function printFigures(metrics: object, json: boolean | undefined): void {
  process.stdout.write(`${json ? JSON.stringify(metrics) : table(metrics)}\n`);
}
