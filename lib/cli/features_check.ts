import { Command } from "commander";
import { checkFeatures, type FeatureFindings, type FeaturesReport } from "../features/check_features.js";
import { interruptible } from "./interrupt.js";
import { plainProgress, printable } from "./options.js";

interface Flags {
  values?: boolean;
  json?: boolean;
  quiet?: boolean;
}

/** `videoclip features check`: compares the records of a folder with its files. */
export const featuresCheck = (): Command =>
  new Command("check")
    .description("Compare the records of a features folder with its files; nothing is changed")
    .argument("<dir>", "folder that videoclip extract wrote")
    .option("--values", "also read all features, and look for values that are not finite")
    .option("--json", "the report as JSON on stdout")
    .option("--quiet", "no progress")
    .addHelpText("after", "\nExit code: 0 nothing found, 1 something found, 2 wrong usage, 130 interrupted.")
    .action(async (folder: string, { values, json, quiet }: Flags) => {
      const onProgress = plainProgress(quiet, ({ records, total }) => `${records} of ${total} videos checked`);
      await interruptible("nothing was changed", async (signal) => {
        const onNote = (note: string) => void (quiet || process.stderr.write(`${printable(note)}\n`));
        const report = await checkFeatures(folder, { values, signal, onProgress, onNote });
        process.stdout.write(json ? `${JSON.stringify(report)}\n` : reportText(report));
        if (!report.ok) process.exitCode = 1;
      });
    });

function reportText(report: FeaturesReport): string {
  const { folder, videos, clips, parts } = report;
  const lines = [`${folder}: ${videos} videos, ${clips} clips, ${parts} part${parts === 1 ? "" : "s"} of the manifest`];
  const section = (findings: FeatureFindings | undefined, what: string) => {
    if (!findings || findings.count === 0) return;
    lines.push(`${findings.count} ${what}:`);
    for (const { place, reason } of findings.first) lines.push(`  ${place}: ${reason}`);
    if (findings.count > findings.first.length) lines.push(`  and ${findings.count - findings.first.length} more`);
  };
  section(report.lines, "lines that are no records");
  section(report.missing, "feature files that are gone");
  section(report.incomplete, "feature files of another size than their records");
  section(report.undeclared, "feature files without a record");
  section(report.settings, "settings that differ");
  section(report.taken, "videos whose features were replaced by those of others");
  section(report.values, "feature files with values that cannot be used");
  if (report.ok) lines.push("nothing to complain about");
  return `${lines.map(printable).join("\n")}\n`;
}
