// Makes a still within a limit of pixels; prints what was said and the largest memory of the process in MB.
import { stillAt } from "#lib/video/stills/still.js";

const [path, maxPixels] = process.argv.slice(2);
const said = await stillAt(path, 0, { decoder: "node-av", maxPixels: Number(maxPixels) }).then(
  ({ length }) => `${length} bytes`,
  (error: Error) => error.message,
);
process.stdout.write(JSON.stringify({ said, peak: Math.round(process.resourceUsage().maxRSS / 1024) }));
