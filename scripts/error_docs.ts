// Writes docs/errors.md from the table of error codes: npm run docs:errors
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ERROR_CODES } from "../dist/base/error_codes.js";

const HEAD = `<!-- Written by \`npm run docs:errors\` from lib/base/error_codes.ts. Edit that file, not this one. -->

# Errors

Everything that this package throws is a \`VideoClipError\` or one of its subclasses, with these properties:

- \`code\` is the stable name of the kind of failure. It is one of the codes below; \`ErrorCode\` is their type.
- \`message\` is for people. Its wording may change.
- \`details\` says what the error is about: \`argument\`, \`op\`, \`layer\`, \`file\`, \`key\`, \`byte\`, \`time\`, \`expected\` and
  \`received\`, each where it is known.
- \`cause\` is the original error, where there is one.

A call whose \`signal\` aborts rejects with \`signal.reason\`, which is not one of these errors.

\`\`\`js
import { createDevice, VideoClipError } from "videoclip";

try {
  createDevice({ threads: 0 });
} catch (error) {
  if (!(error instanceof VideoClipError)) throw error;
  console.error(error.code, error.message, error.details);
}
\`\`\`

## Codes
`;

/** The text of docs/errors.md. */
export function errorDocs(): string {
  const entries = Object.entries(ERROR_CODES).map(
    ([code, { class: kind, meaning, cause, cure }]) =>
      `### ${code}\n\n${meaning}\n\n- Class: \`${kind}\`\n- Cause: ${cause}\n- What to do: ${cure}\n`,
  );
  return [HEAD, ...entries].join("\n");
}

const path = fileURLToPath(new URL("../docs/errors.md", import.meta.url));
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(path, errorDocs());
  console.log(path);
}
