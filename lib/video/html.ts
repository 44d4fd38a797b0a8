import { stillAt } from "./stills/still.js";
import type { DecoderName } from "./types.js";

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Escapes text for HTML, in elements and in quoted attributes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (c) => ENTITIES[c]);

/** `h:mm:ss.s`, or `m:ss.s` below an hour. */
export function clock(seconds: number): string {
  const tenths = Math.round(seconds * 10);
  const [h, m, s] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, (tenths % 600) / 10];
  const rest = `${s.toFixed(1).padStart(4, "0")}`;
  return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
}

/** A JPEG of a video, or the reason why there is none. */
export type Still = { jpeg: Uint8Array } | { reason: string };

/** A picture of a video at a time; the reason if the video moved or cannot be decoded. */
export async function stillOf(
  path: string,
  time: number,
  options: { decoder?: DecoderName | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Still> {
  try {
    return { jpeg: await stillAt(path, time, options) };
  } catch (error) {
    options.signal?.throwIfAborted();
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The HTML of a picture. @param alt plain text */
export const stillHtml = (still: Still, alt: string): string =>
  "jpeg" in still
    ? `<img alt="${escapeHtml(alt)}" src="data:image/jpeg;base64,${Buffer.from(still.jpeg).toString("base64")}">`
    : `<p class="missing">No picture: ${escapeHtml(still.reason)}</p>`;

export interface HtmlPage {
  /** Plain text. */
  title: string;
  /** HTML below the title, HTML of the body, and CSS in addition to the common one. */
  header: string;
  body: string;
  style: string;
}

/** A self-contained page that loads and runs nothing. */
export function htmlPage({ title, header, body, style }: HtmlPage): string {
  const escaped = escapeHtml(title);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escaped}</title>
<style>${STYLE}${style}</style>
</head>
<body>
<header><h1>${escaped}</h1>
${header}</header>
${body}
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.05rem; margin: 0; } p { margin: .2rem 0; }
ol { list-style: none; padding: 0; }
li { display: flex; gap: 1rem; padding: 1rem 0; border-top: 1px solid #8884; }
.picture { flex: 0 0 14rem; } .picture img { width: 100%; border-radius: 4px; display: block; }
li > div:last-child { flex: 1; min-width: 0; }
.missing { padding: 1rem; border: 1px dashed #8888; border-radius: 4px; overflow-wrap: anywhere; }
.path { color: #888; font-size: .85rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) { li { flex-direction: column; } .picture { flex-basis: auto; } }
`;
