import type { HttpResponse } from "./http.js";
import type { CallOptions, GetOptions, ObjectBody, ObjectFacts, ObjectStore, PutOptions } from "./object_store.js";
import { S3Client, type S3Options, type S3Request } from "./s3_client.js";
import { oneLine, StorageError } from "./storage_error.js";
import { parseXml, textOf, type XmlElement } from "./xml.js";

/** Longest answers of listings and uploads. */
const LONGEST_PAGE = 1 << 24;
/** Smallest part of an upload in parts, but for the last one. */
const PART_BYTES = 8 << 20;

/** A bucket of AWS or of a server that is compatible with it. */
export class S3Store implements ObjectStore {
  #client: S3Client;

  /** @throws InvalidArgumentError, StorageError */
  constructor(bucket: string, options: S3Options = {}) {
    this.#client = new S3Client(bucket, options);
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<ObjectFacts> {
    let token: string | undefined;
    const seen = new Set<string>();
    do {
      const query = {
        "list-type": "2",
        "encoding-type": "url", // keys may have characters that XML has not
        prefix,
        ...(token === undefined ? {} : { "continuation-token": token }),
      };
      const page = await this.#xml({ method: "GET", query, action: "s3:ListBucket", signal }, "ListBucketResult");
      const isEncoded = textOf(page, "EncodingType") === "url";
      for (const child of page.children) {
        if (child.name === "Contents") yield this.#entry(child, prefix, isEncoded);
      }
      token = textOf(page, "IsTruncated") === "true" ? textOf(page, "NextContinuationToken") : undefined;
      if (token === undefined && textOf(page, "IsTruncated") === "true") throw this.#odd("a page without a token for the next one"); // prettier-ignore
      if (token !== undefined && seen.has(token)) throw this.#odd("one page for ever");
      if (token !== undefined) seen.add(token);
    } while (token !== undefined);
  }

  #entry(entry: XmlElement, prefix: string, isEncoded: boolean): ObjectFacts {
    const raw = textOf(entry, "Key") ?? "";
    const key = isEncoded ? decodeURIComponentOr(raw) : raw;
    const bytes = Number(textOf(entry, "Size") ?? "");
    if (key === undefined || key === "" || !key.startsWith(prefix) || !Number.isSafeInteger(bytes) || bytes < 0)
      throw this.#odd(`an entry that is no object (${oneLine(raw)})`);
    return { key, bytes, modified: timeOf(textOf(entry, "LastModified")), etag: textOf(entry, "ETag") || undefined };
  }

  #odd(what: string): StorageError {
    const address = this.#client.address();
    return new StorageError("unavailable", `${address}: the list of its objects has ${what}`, { file: address });
  }

  async head(key: string, { signal }: CallOptions = {}): Promise<ObjectFacts | undefined> {
    try {
      const response = await this.#object({ method: "HEAD", key, action: "s3:GetObject", signal });
      response.cancel();
      return { key, ...this.#facts(key, response, response.headers.get("content-length")) };
    } catch (error) {
      // an answer to HEAD has no text: the reason, such as a missing bucket, is in that to GET
      if (!(error instanceof StorageError) || !["missing", "denied"].includes(error.fault)) throw error;
      try {
        const { facts, body } = await this.get(key, { from: 0, to: 0, signal });
        await body[Symbol.asyncIterator]().return?.();
        return { key, ...facts, bytes: facts.bytes ?? 0 };
      } catch (reason) {
        if (reason instanceof StorageError && reason.fault === "missing") return undefined;
        throw reason;
      }
    }
  }

  async get(key: string, { from, to, ifMatch, signal }: GetOptions = {}): Promise<ObjectBody> {
    const headers = rangeHeaders({ from, to, ifMatch });
    const response = await this.#object({ method: "GET", key, headers, action: "s3:GetObject", signal });
    const answer = bodyOf(response);
    const { modified, etag } = this.#facts(key, response, "0");
    return { facts: { bytes: answer.bytes, modified, etag }, from: answer.from, body: answer.body };
  }

  #facts(key: string, { headers }: HttpResponse, length: string | null) {
    const bytes = Number(length ?? "");
    if (length === null || !Number.isSafeInteger(bytes))
      throw new StorageError("unavailable", `${this.#client.address(key)}: the answer has no size of the object`);
    return { bytes, modified: timeOf(headers.get("last-modified")), etag: headers.get("etag") ?? undefined };
  }

  async put(key: string, bytes: Uint8Array, { ifNoneMatch, signal }: PutOptions = {}): Promise<void> {
    const headers: Record<string, string> = ifNoneMatch ? { "if-none-match": "*" } : {};
    await this.#write(key, () =>
      this.#object({ method: "PUT", key, body: bytes, headers, action: "s3:PutObject", signal }),
    );
  }

  async upload(
    key: string,
    parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    { ifNoneMatch, signal }: PutOptions = {},
  ): Promise<void> {
    const action = "s3:PutObject";
    const begun = await this.#xml({ method: "POST", key, query: { uploads: "" }, action, signal }, "InitiateMultipartUploadResult"); // prettier-ignore
    const uploadId = textOf(begun, "UploadId");
    if (!uploadId) throw new StorageError("unavailable", `${this.#client.address(key)}: the upload got no number`);
    try {
      const etags: string[] = [];
      for await (const body of partsOf(parts)) {
        const query = { partNumber: String(etags.length + 1), uploadId };
        const response = await this.#object({ method: "PUT", key, query, body, action, signal });
        await response.text(LONGEST_PAGE);
        etags.push(response.headers.get("etag") ?? "");
      }
      const list = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`); // prettier-ignore
      const body = Buffer.from(`<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`);
      const headers: Record<string, string> = ifNoneMatch ? { "if-none-match": "*" } : {};
      const complete = { method: "POST", key, query: { uploadId }, body, headers, action, signal } as const;
      // an error may come with the status 200, because the answer begins before the parts are joined
      await this.#write(key, () => this.#xml(complete, "CompleteMultipartUploadResult"));
    } catch (error) {
      await this.#object({ method: "DELETE", key, query: { uploadId }, action: "s3:AbortMultipartUpload" }).then(
        (response) => response.cancel(),
        () => {}, // the first error is the one to report
      );
      throw error;
    }
  }

  /** A write that must not replace an object. */
  async #write(key: string, work: () => Promise<HttpResponse | XmlElement>): Promise<void> {
    try {
      const result = await work();
      if ("status" in result) await result.text(LONGEST_PAGE);
    } catch (error) {
      if (!(error instanceof StorageError) || error.fault !== "changed") throw error;
      const message = `${this.#client.address(key)}: an object of this name exists`;
      throw new StorageError("exists", message, { ...error.details, cause: error });
    }
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    const response = await this.#object({ method: "DELETE", key, action: "s3:DeleteObject", signal });
    await response.text(LONGEST_PAGE);
  }

  /** @throws StorageError `missing` for a key that no address can have */
  #object(request: S3Request & { key: string }): Promise<HttpResponse> {
    const { key } = request;
    if (key.split("/").some((part) => part === "." || part === ".."))
      throw new StorageError("missing", `${this.#client.address(key)}: a key with a part . or .. has no address`);
    return this.#client.send(request);
  }

  /** The XML of an answer. A page that ends early or is no XML is asked for again. */
  async #xml(request: S3Request, name: string): Promise<XmlElement> {
    const { retries } = this.#client;
    for (let failed = 1; ; failed++) {
      const response = await this.#client.send(request);
      try {
        const element = parseXml(await response.text(LONGEST_PAGE));
        if (element.name === name) return element;
        const found = [element.name, textOf(element, "Code")].filter(Boolean).join(" ");
        throw new StorageError("interrupted", `it is ${found}, not ${name}`);
      } catch (cause) {
        if (!(cause instanceof StorageError) || cause.fault !== "interrupted") throw cause;
        const address = this.#client.address(request.key);
        const message = `${address}: the answer is not complete or not XML of S3: ${oneLine(cause.message)}`;
        if (failed >= retries.attempts) throw new StorageError("unavailable", message, { file: address, cause });
        await retries.wait(failed, request.signal);
      }
    }
  }
}

/** Joins pieces to parts of the size that uploads need; without any, one empty part. */
async function* partsOf(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let [bytes, given] = [0, 0];
  for await (const piece of pieces) {
    waiting.push(piece);
    bytes += piece.length;
    if (bytes < PART_BYTES) continue;
    yield Buffer.concat(waiting);
    [waiting, bytes, given] = [[], 0, given + 1];
  }
  if (bytes > 0 || given === 0) yield Buffer.concat(waiting);
}

/** The headers that ask for a part of an object, if it still has an entity tag. */
export function rangeHeaders({ from = 0, to, ifMatch }: GetOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  if (from > 0 || to !== undefined) headers.range = `bytes=${from}-${to ?? ""}`;
  if (ifMatch !== undefined) headers["if-match"] = ifMatch;
  return headers;
}

/** The size of the whole and the first position of an answer to GET, by its headers. */
export function bodyOf(response: HttpResponse): Pick<ObjectBody, "from" | "body"> & { bytes: number | undefined } {
  const { status, headers, body } = response;
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
  // the length of a compressed body is that of its compressed form
  const encodings = (headers.get("content-encoding") ?? "").toLowerCase().split(/\s*,\s*/);
  const isEncoded = encodings.some((encoding) => !["", "identity", "aws-chunked"].includes(encoding));
  const length = headers.get("content-length");
  const count = status === 206 ? range?.[2] : (length ?? undefined);
  const bytes = isEncoded || count === undefined || !/^\d+$/.test(count) ? undefined : Number(count);
  return { from: status === 206 ? Number(range?.[1] ?? NaN) : 0, bytes, body };
}

/** Milliseconds since 1970; 0 for a text that is no time. */
export const timeOf = (text: string | null | undefined): number => (text ? Date.parse(text) || 0 : 0);

function decodeURIComponentOr(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replace(/\+/g, " "));
  } catch {
    return undefined;
  }
}

const escaped = (text: string): string => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);
