import type { ExportFormat } from "./format.js";
import { vectorText } from "./jsonl.js";
import { TextBlocks, writeTogether } from "./output_files.js";

const ESCAPES: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/** A text as a field of `COPY`. */
const field = (text: string): string => text.replace(/[\\\t\n\r]/g, (c) => ESCAPES[c]);
const numberField = (value: number | undefined): string => (value === undefined ? "\\N" : String(value));

/** The largest widths of pgvector's types that it stores; its indexes take 2000 and 4000. */
const TYPES = { f32: "vector", f16: "halfvec" } as const;

/**
 * A script for `psql`: the table `video_features` and its rows as `COPY` text. The types of PostgreSQL's extension
 * pgvector hold the features. It is one transaction.
 */
export const PGVECTOR: ExportFormat = {
  kind: "file",
  dtypes: ["f32", "f16"],
  ending: ".sql",
  async write(out, videos, { dim, dtype }) {
    await writeTogether([out], async (file) => {
      const lines = new TextBlocks(file);
      lines.write(headOf(dim, TYPES[dtype!]));
      for await (const video of videos) {
        const path = field(video.path);
        const rest = `${numberField(video.duration)}\t${video.partial ? "t" : "f"}`;
        let clip = 0;
        for (const block of video.values()) {
          for (let at = 0; at < block.length; at += dim, clip++) {
            const [start, end] = video.timestamps?.[clip] ?? [];
            const times = `${numberField(start)}\t${numberField(end)}`;
            lines.write(`${path}\t${clip}\t${times}\t${rest}\t${vectorText(block.subarray(at, at + dim))}\n`);
          }
        }
      }
      lines.write("\\.\n\nCOMMIT;\n");
      lines.flush();
    });
  },
};

const headOf = (dim: number, type: string): string => `\\set ON_ERROR_STOP on
SET client_encoding = 'UTF8';
BEGIN;
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE video_features (
  path text NOT NULL,
  clip integer NOT NULL,
  start_seconds double precision,
  end_seconds double precision,
  duration double precision,
  partial boolean NOT NULL,
  feature ${type}(${dim}) NOT NULL,
  PRIMARY KEY (path, clip)
);
COPY video_features (path, clip, start_seconds, end_seconds, duration, partial, feature) FROM stdin;
`;
