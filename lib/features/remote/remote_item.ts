import { InvalidArgumentError, VideoError } from "../../base/errors.js";
import { StorageError } from "../../storage/storage_error.js";
import { publicAddress } from "../../storage/web_file.js";
import type { InputItem } from "../inputs/input_item.js";

/** A bucket and a key, or a prefix of keys. */
export interface S3Address {
  bucket: string;
  key: string;
}

/** The parts of `s3://bucket/key`; a key is used unchanged, without percent-decoding. Undefined for other addresses. */
export function s3Address(address: string): S3Address | undefined {
  const match = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(address);
  return match ? { bucket: match[1], key: match[2] } : undefined;
}

/**
 * The video at an address: its identity has no secrets.
 * @throws InvalidArgumentError for an address that names no object
 */
export function remoteItem(text: string): InputItem {
  const s3 = s3Address(text);
  if (s3) {
    if (s3.bucket === "" || s3.key === "" || s3.key.endsWith("/"))
      throw new InvalidArgumentError(`${text} names no object: expected s3://bucket/key`, { argument: "inputs" });
    return { path: `s3://${s3.bucket}/${s3.key}` };
  }
  let path: string;
  try {
    path = publicAddress(text);
  } catch {
    const origin = text.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//"); // without secrets
    throw new InvalidArgumentError(`${origin} is not a valid address`, { argument: "inputs" });
  }
  return path === text ? { path } : { path, address: text };
}

/** The failure of a video whose object cannot be read; undefined for a fault that the next one would meet too. */
export function videoFault(path: string, error: unknown): VideoError | undefined {
  if (error instanceof VideoError) return error;
  if (!(error instanceof StorageError) || error.fault === "unavailable") return undefined;
  const code = error.fault === "missing" ? "ERR_VIDEO_NOT_FOUND" : "ERR_VIDEO_UNREADABLE";
  return new VideoError(code, error.message, { file: path, cause: error });
}
