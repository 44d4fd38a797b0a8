import { createHash } from "node:crypto";
import { InvalidArgumentError } from "../base/errors.js";
import { type Credentials, readS3Environment, type S3Environment } from "./credentials.js";
import { type HttpRequest, type HttpResponse, NoAnswer, send } from "./http.js";
import { Retries, retryAfter, type RetryOptions } from "./retry.js";
import { hasStaleCredentials, mayRepeat, readS3Answer, type S3Answer, s3Error } from "./s3_errors.js";
import { StorageError } from "./storage_error.js";

/** Where the objects of `s3://` addresses are, and how they are asked for. */
export interface S3Options {
  /** Address of an S3-compatible server. Default: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the profile, then AWS. */
  endpoint?: string | undefined;
  /** Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile, then us-east-1. */
  region?: string | undefined;
  /** Whether the bucket is part of the host. Default: for AWS only. */
  virtualHost?: boolean | undefined;
  retry?: RetryOptions | undefined;
  /** Default: the environment of the process. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** A request to a bucket. */
export interface S3Request extends Pick<HttpRequest, "method" | "body" | "signal"> {
  /** Undefined: a request of the bucket itself. */
  key?: string | undefined;
  query?: Record<string, string> | undefined;
  headers?: Record<string, string> | undefined;
  /** The permission that it needs, for messages. */
  action: string;
}

const LONGEST_ERROR = 1 << 16;
/** Attempts at an address that never answered: a wrong endpoint is reported soon. */
const FIRST_ATTEMPTS = 4;
const REDIRECTS = 2;
const NO_BYTES = sha256(new Uint8Array(0));

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Encodes all but the unreserved characters of RFC 3986, as signatures demand. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Signs requests to one bucket, sends them, and makes them again where that may help. */
export class S3Client {
  readonly retries: Retries;
  #environment: S3Environment;
  /** Keys by day and region, which aws4fetch derives from the credentials. */
  readonly #signingKeys = new Map<string, ArrayBuffer>();
  #region: string;
  #endpoint: URL | undefined;
  #virtualHost: boolean;
  #env: Readonly<Record<string, string | undefined>> | undefined;
  /** Whether the server answered. */
  #answered = false;
  /** Whether a request succeeded. */
  #known = false;

  /** @throws InvalidArgumentError for a name that no bucket has, or an endpoint that is no address; StorageError */
  constructor(
    readonly bucket: string,
    { endpoint, region, virtualHost, retry, env }: S3Options = {},
  ) {
    if (!/^[a-z0-9][\w.-]{1,254}$/i.test(bucket)) {
      const message = `s3://${bucket}: expected a bucket's name of letters, digits, dots and hyphens after s3://`;
      throw new InvalidArgumentError(message, { argument: "inputs", received: bucket });
    }
    this.#env = env;
    this.#environment = readS3Environment(env);
    const { endpoint: found, region: place, addressing } = this.#environment;
    this.#endpoint = endpointOf(endpoint ?? found);
    this.#region = region ?? place ?? "us-east-1";
    this.#virtualHost = virtualHost ?? (this.#endpoint ? addressing === "virtual" : addressing !== "path" && !bucket.includes(".")); // prettier-ignore
    this.retries = new Retries(retry);
  }

  /** `s3://bucket/key` */
  address(key?: string): string {
    return key === undefined ? `s3://${this.bucket}` : `s3://${this.bucket}/${key}`;
  }

  /**
   * Sends a request until it succeeds or cannot.
   * @returns an answer of a status of 200 to 299, whose body is not read
   * @throws StorageError; the signal's reason
   */
  async send(request: S3Request): Promise<HttpResponse> {
    const { signal, key } = request;
    let [failed, redirects, refreshed] = [0, 0, false];
    for (;;) {
      const url = this.#url(request);
      let asked: number | undefined;
      let error: StorageError;
      try {
        const response = await this.#once(url, request);
        this.#answered = true;
        if (response.status >= 200 && response.status < 300) {
          this.#known = true;
          return response;
        }
        const answer = await errorOf(response, request.method);
        if (this.#movesTo(answer) && redirects++ < REDIRECTS) continue;
        if (hasStaleCredentials(answer) && !refreshed) {
          refreshed = true;
          if (this.#refresh()) continue;
        }
        error = s3Error(answer, {
          address: this.address(key),
          bucket: this.bucket,
          host: url.host,
          isObject: key !== undefined,
          action: request.action,
          credentials: this.#environment.credentials?.source,
          known: this.#known,
        });
        if (!mayRepeat(answer)) throw error;
        asked = retryAfter(response.headers);
      } catch (cause) {
        if (!(cause instanceof StorageError) || cause.fault !== "interrupted") throw cause;
        error = new StorageError("unavailable", this.#advice(cause, url), { ...cause.details, cause });
        if (cause instanceof NoAnswer && !cause.again) throw error;
        if (cause instanceof NoAnswer && cause.refused && !this.#answered && failed + 1 >= FIRST_ATTEMPTS) throw error;
      }
      if (++failed >= this.retries.attempts) throw error;
      await this.retries.wait(failed, signal, asked);
    }
  }

  /** The reason why there is no answer, with what to check if there never was one. */
  #advice(cause: StorageError, url: URL): string {
    const check = this.#answered ? "" : `: check the endpoint ${url.origin} and the network`;
    return `${cause.message}${check}`;
  }

  #url({ key, query = {} }: S3Request): URL {
    const url = new URL(this.#endpoint ?? `https://s3.${this.#region}.amazonaws.com${this.#region.startsWith("cn-") ? ".cn" : ""}`); // prettier-ignore
    const base = url.pathname.replace(/\/$/, "");
    if (this.#virtualHost) url.hostname = `${this.bucket}.${url.hostname}`;
    const path = `${this.#virtualHost ? "" : `/${this.bucket}`}/${key === undefined ? "" : key.split("/").map(encode).join("/")}`;
    url.pathname = base + (key === undefined && !this.#virtualHost ? path.slice(0, -1) : path);
    url.search = Object.entries(query).map((pair) => pair.map(encode).join("=")).join("&"); // prettier-ignore
    return url;
  }

  async #once(url: URL, { method, headers = {}, body, key, signal }: S3Request): Promise<HttpResponse> {
    const plain = { ...headers, "x-amz-content-sha256": body ? sha256(body) : NO_BYTES };
    const { credentials } = this.#environment;
    const address = this.address(key);
    const signed = credentials ? await this.#sign(url, method, plain, credentials) : headers;
    return send({ method, url, headers: signed, body, redirect: "manual", signal, idle: this.retries.idle, address });
  }

  async #sign(url: URL, method: string, headers: Record<string, string>, credentials: Credentials) {
    const { AwsV4Signer } = await import("aws4fetch");
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    const signer = new AwsV4Signer({
      method,
      url: url.href,
      headers,
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service: "s3",
      region: this.#region,
      cache: this.#signingKeys,
    });
    return Object.fromEntries((await signer.sign()).headers);
  }

  /** Takes the region that an answer names, if it is another one. */
  #movesTo({ status, code, region }: S3Answer): boolean {
    const isElsewhere = [301, 307].includes(status) || code === "AuthorizationHeaderMalformed" || code === "PermanentRedirect"; // prettier-ignore
    if ((!isElsewhere && status !== 400) || region === undefined || region === this.#region) return false;
    this.#region = region;
    return true;
  }

  /** Reads the credentials again, which another program may have replaced. @returns whether they are others */
  #refresh(): boolean {
    const before = JSON.stringify(this.#environment.credentials);
    this.#environment = { ...this.#environment, credentials: readS3Environment(this.#env).credentials };
    return JSON.stringify(this.#environment.credentials) !== before;
  }
}

function endpointOf(text: string | undefined): URL | undefined {
  if (text === undefined || text === "") return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.username === "" && url.search === "") return url;
  const message = "s3Endpoint: expected an address such as https://HOST:PORT without user, password and query";
  throw new InvalidArgumentError(message, { argument: "s3Endpoint" });
}

async function errorOf(response: HttpResponse, method: string): Promise<S3Answer> {
  const text = method === "HEAD" ? "" : await response.text(LONGEST_ERROR);
  if (method === "HEAD") response.cancel();
  return readS3Answer(response.status, response.headers, text);
}
