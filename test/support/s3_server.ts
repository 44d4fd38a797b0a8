// A small S3 server in memory, with faults that a test plans by a seed.
import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The only credentials that the server knows. */
export const KEYS = { AWS_ACCESS_KEY_ID: "TESTKEY", AWS_SECRET_ACCESS_KEY: "secret/with+signs" };

export type Fault = "503" | "slowdown" | "truncate" | "stall" | "reset" | "conflict" | "slow" | "lost";

interface StoredObject {
  bytes: Buffer;
  etag: string;
  modified: Date;
  /** Further headers of answers, such as `content-encoding`. */
  headers?: Record<string, string>;
}

export interface ServedRequest {
  method: string;
  key: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  fault?: Fault | undefined;
}

interface ServerOptions {
  bucket?: string;
  /** Objects of one page of a listing. */
  page?: number;
  /** Whether requests without a signature are answered. */
  isPublic?: boolean;
  /** The fault of a request; it is called for each. */
  plan?: (request: ServedRequest) => Fault | undefined;
  /** Whether objects are replaced although a request forbids it, as old servers do. */
  isUnconditional?: boolean;
  /** Answers a request instead of the server, if it returns true. */
  answer?: (request: ServedRequest, response: ServerResponse) => boolean;
}

export interface S3Server {
  endpoint: string;
  bucket: string;
  objects: Map<string, StoredObject>;
  requests: ServedRequest[];
  /** Keys that a PUT or an upload created, in order. */
  written: string[];
  uploads: Map<string, { key: string; parts: Map<number, Buffer> }>;
  put(key: string, bytes: Buffer | string, headers?: Record<string, string>): void;
  options: ServerOptions;
  /** The environment of a client. */
  env: Record<string, string>;
  close(): Promise<void>;
}

/** Numbers from 0 to 1 that follow from a seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const xml = (name: string, body: string) => `<?xml version="1.0"?>\n<${name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${body}</${name}>`; // prettier-ignore
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const sha256 = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");
const encode = (text: string) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`); // prettier-ignore

/** Whether a request is signed by the keys of the server: signature version 4, computed from what arrived. */
function isSigned({ method, url, headers }: IncomingMessage, body: Buffer): boolean {
  const pattern = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d+)\/([\w-]+)\/s3\/aws4_request, ?SignedHeaders=([\w;-]+), ?Signature=(\w+)$/; // prettier-ignore
  const [, id, date, region, names, signature] = pattern.exec(headers.authorization ?? "") ?? [];
  if (id !== KEYS.AWS_ACCESS_KEY_ID) return false;
  const hash = String(headers["x-amz-content-sha256"]);
  if (hash !== "UNSIGNED-PAYLOAD" && hash !== sha256(body)) return false;
  const at = url!.indexOf("?");
  const path = at < 0 ? url! : url!.slice(0, at);
  const query = at < 0 ? [] : url!.slice(at + 1).split("&").map((pair) => (pair.includes("=") ? pair : `${pair}=`)); // prettier-ignore
  const canonical = [
    method,
    path.split("/").map((part) => encode(decodeURIComponent(part))).join("/"),
    query.sort().join("&"),
    ...names.split(";").map((name) => `${name}:${String(headers[name]).trim()}`),
    "",
    names,
    hash,
  ].join("\n"); // prettier-ignore
  const scope = `${date}/${region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const key = [date, region, "s3", "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${KEYS.AWS_SECRET_ACCESS_KEY}`);
  return hmac(key, text).toString("hex") === signature;
}

/** Starts a server on this machine. */
export async function startS3Server(options: ServerOptions = {}): Promise<S3Server> {
  const { bucket = "videos" } = options;
  const open = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => serve(self, request, response, Buffer.concat(parts)));
  });
  await new Promise<void>((resolve) => open.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(open.address() as AddressInfo).port}`;
  const self: S3Server = {
    endpoint,
    bucket,
    objects: new Map(),
    requests: [],
    written: [],
    uploads: new Map(),
    options,
    env: {
      ...KEYS,
      AWS_ENDPOINT_URL: endpoint,
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      AWS_CONFIG_FILE: "/dev/null",
    },
    put: (key, content, headers) => {
      const bytes = Buffer.from(content);
      const etag = `"${createHash("md5").update(bytes).digest("hex")}"`;
      self.objects.set(key, { bytes, etag, modified: new Date(1_700_000_000_000), ...(headers ? { headers } : {}) });
    },
    close: () =>
      new Promise((resolve) => {
        open.close(() => resolve());
        open.closeAllConnections();
      }),
  };
  return self;
}

function serve(server: S3Server, request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const { options, objects, bucket } = server;
  const url = new URL(request.url!, server.endpoint);
  const key = decodeURIComponent(url.pathname.slice(bucket.length + 2));
  const method = request.method!;
  const served: ServedRequest = { method, key, query: url.searchParams, headers: request.headers };
  server.requests.push(served);
  served.fault = options.plan?.(served);
  if (options.answer?.(served, response)) return;
  const fail = (status: number, code: string, message = "") => {
    const text = xml("Error", `<Code>${code}</Code><Message>${message}</Message><Key>${escape(key)}</Key>`);
    response.writeHead(status, { "content-type": "application/xml" }).end(method === "HEAD" ? undefined : text);
  };
  if (served.fault === "reset") return void request.socket.destroy();
  if (served.fault === "503") return fail(503, "ServiceUnavailable");
  if (served.fault === "slowdown") return fail(503, "SlowDown", "Please reduce your request rate.");
  if (!request.headers.authorization && !options.isPublic) return fail(403, "AccessDenied");
  if (request.headers.authorization && !isSigned(request, body)) return fail(403, "SignatureDoesNotMatch");
  if (!`${url.pathname}/`.startsWith(`/${bucket}/`)) return fail(404, "NoSuchBucket");
  if (served.fault === "conflict" && request.headers["if-none-match"]) return fail(409, "ConditionalRequestConflict");
  if (key === "" && method === "GET") return list(server, url.searchParams, response);
  if (method === "PUT" || method === "POST") return write(server, served, body, response, fail);
  const uploadId = url.searchParams.get("uploadId");
  if (method === "DELETE") {
    if (uploadId !== null) server.uploads.delete(uploadId);
    else objects.delete(key);
    return void response.writeHead(204).end();
  }
  const object = objects.get(key);
  if (!object) return fail(404, "NoSuchKey");
  if (request.headers["if-match"] && request.headers["if-match"] !== object.etag)
    return fail(412, "PreconditionFailed");
  get(object, served, response, fail);
}

const escape = (text: string) => text.replace(/[<>&]/g, (c) => `&#${c.charCodeAt(0)};`);

function list({ objects, options, bucket }: S3Server, query: URLSearchParams, response: ServerResponse): void {
  const prefix = query.get("prefix") ?? "";
  const { page = 1000 } = options;
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  const begin = Number(Buffer.from(query.get("continuation-token") ?? "", "base64").toString() || 0);
  const next = begin + page < keys.length ? Buffer.from(String(begin + page)).toString("base64") : undefined;
  const contents = keys.slice(begin, begin + page).map((key) => {
    const { bytes, etag, modified } = objects.get(key)!;
    return `<Contents><Key>${encodeURIComponent(key).replace(/%20/g, "+")}</Key><LastModified>${modified.toISOString()}</LastModified><ETag>${etag.replaceAll('"', "&quot;")}</ETag><Size>${bytes.length}</Size></Contents>`;
  });
  const token = next ? `<NextContinuationToken>${next}</NextContinuationToken>` : "";
  const text = `<Name>${bucket}</Name><EncodingType>url</EncodingType><IsTruncated>${next !== undefined}</IsTruncated>${token}${contents.join("")}`; // prettier-ignore
  response.writeHead(200, { "content-type": "application/xml" }).end(xml("ListBucketResult", text));
}

type Fail = (status: number, code: string) => void;

function get(
  { bytes, etag, modified, headers = {} }: StoredObject,
  served: ServedRequest,
  response: ServerResponse,
  fail: Fail,
): void {
  // prettier-ignore
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(served.headers.range ?? "") ?? [];
  const [from, to] = [Number(first ?? 0), Math.min(last ? Number(last) : Infinity, bytes.length - 1)];
  if (first !== undefined && from >= bytes.length) return fail(416, "InvalidRange");
  const part = first === undefined ? bytes : bytes.subarray(from, to + 1);
  const range = first === undefined ? {} : { "content-range": `bytes ${from}-${to}/${bytes.length}` };
  response.writeHead(first === undefined ? 200 : 206, {
    "content-length": part.length,
    "last-modified": modified.toUTCString(),
    etag,
    ...range,
    ...headers,
  });
  if (served.method === "HEAD") return void response.end();
  const half = part.subarray(0, part.length >> 1);
  if (served.fault === "truncate") response.write(half, () => setTimeout(() => response.destroy(), 5));
  else if (served.fault === "stall") response.write(half);
  else if (served.fault === "slow")
    response.write(half, () => setTimeout(() => response.end(part.subarray(half.length)), 30)); // prettier-ignore
  else response.end(part);
}

function write(
  server: S3Server,
  { method, key, query, headers, fault }: ServedRequest,
  body: Buffer,
  response: ServerResponse,
  fail: Fail,
): void {
  // prettier-ignore
  const { objects, uploads } = server;
  const uploadId = query.get("uploadId");
  if (method === "POST" && query.has("uploads")) {
    const id = `upload-${server.requests.length}`;
    uploads.set(id, { key, parts: new Map() });
    return void response.end(xml("InitiateMultipartUploadResult", `<UploadId>${id}</UploadId>`));
  }
  const upload = uploadId === null ? undefined : uploads.get(uploadId);
  if (uploadId !== null && !upload) return fail(404, "NoSuchUpload");
  if (upload && method === "PUT") {
    upload.parts.set(Number(query.get("partNumber")), body);
    return void response.writeHead(200, { etag: `"part-${query.get("partNumber")}"` }).end();
  }
  if (headers["if-none-match"] === "*" && objects.has(key) && !server.options.isUnconditional)
    return fail(412, "PreconditionFailed");
  const parts = upload ? [...upload.parts.keys()].sort((a, b) => a - b).map((number) => upload.parts.get(number)!) : [body]; // prettier-ignore
  server.put(key, Buffer.concat(parts));
  server.written.push(key);
  if (fault === "lost") return void response.destroy(); // written, but the client does not learn it
  if (!upload) return void response.writeHead(200, { etag: objects.get(key)!.etag }).end();
  uploads.delete(uploadId!);
  response.end(xml("CompleteMultipartUploadResult", `<Key>${escape(key)}</Key>`));
}
