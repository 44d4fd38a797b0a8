// Built twice: NEXT_MODE=external keeps videoclip out of the bundle, NEXT_MODE=bundled leaves Next.js its defaults.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const mode = process.env.NEXT_MODE;

export default {
  output: "standalone",
  distDir: `.next-${mode}`,
  outputFileTracingRoot: join(dirname(fileURLToPath(import.meta.url)), ".."),
  eslint: { ignoreDuringBuilds: true },
  serverExternalPackages: mode === "external" ? ["videoclip"] : [],
};
