import { closeSync, copyFileSync, linkSync, lstatSync, openSync, readSync } from "node:fs";
import { moveDurably, removeFile, removeIfPossible, writeDurably } from "./files.js";
import { systemCode, writing } from "./system_error.js";

/** Error codes of places that take no hard link to a file: another disk, or a file system without links. */
const NO_LINK = ["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "ENOSYS", "EACCES"];

const takesNoLink = (error: unknown) => NO_LINK.includes(systemCode(error) ?? "");

/** Bytes of a piece of a file that is copied. */
const PIECE = 16 << 20;

/** The content of a file in pieces, each valid until the next. */
function* piecesOf(path: string): Generator<Uint8Array> {
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(PIECE);
    for (;;) {
      const count = readSync(file, buffer, 0, PIECE, null);
      if (count === 0) return;
      yield buffer.subarray(0, count);
    }
  } finally {
    closeSync(file);
  }
}

/** Copies a file of any size; the copy is complete and durable, or not there. @throws VideoClipError `ERR_WRITE` */
export const copyDurably = (from: string, to: string): void => writeDurably(to, piecesOf(from));

/** Gives a file a second name, or copies it to another disk; what has that name is removed before. */
export function linkOrCopy(from: string, to: string): void {
  writing(to, () => {
    try {
      removeFile(to);
      linkSync(from, to);
    } catch (error) {
      if (!takesNoLink(error)) throw error;
      copyFileSync(from, to);
    }
  });
}

/**
 * Gives a file a second name, which takes no space, or copies it where that is impossible. What has that name is there
 * until it is replaced at once.
 * @throws VideoClipError `ERR_WRITE`
 */
export function linkDurably(from: string, to: string): void {
  const [source, target] = [lstatSync(from), lstatSync(to, { throwIfNoEntry: false })];
  if (source.ino !== 0 && source.ino === target?.ino && source.dev === target.dev) return; // a rename would do nothing
  const temporary = `${to}.tmp`; // one name, so that a killed process leaves nothing that stays
  try {
    writing(to, () => {
      removeFile(temporary);
      linkSync(from, temporary);
    });
  } catch (error) {
    if (!takesNoLink(error)) throw error;
    return copyDurably(from, to);
  }
  try {
    moveDurably(temporary, to);
  } catch (error) {
    removeIfPossible(temporary);
    throw error;
  }
}
