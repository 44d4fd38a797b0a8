import { type HttpResponse, NoAnswer, send } from "./http.js";
import type { CallOptions, GetOptions, ObjectBody } from "./object_store.js";
import { Retries, retryAfter, type RetryOptions } from "./retry.js";
import { bodyOf, rangeHeaders, timeOf } from "./s3_store.js";
import { StorageError } from "./storage_error.js";

/** Parameters of signed addresses and access tokens, in small letters. */
const SECRET =
  /^(x-amz-.*|x-goog-.*|awsaccesskeyid|googleaccessid|signature|expires|key-pair-id|policy|sig|token|access_token|auth_token|api_?key|password)$/;
/** Further parameters of a shared access signature of Azure, which has a parameter `sig`. */
const SHARED = /^(sv|st|se|sr|sp|spr|sip|skoid|sktid|skt|ske|sks|skv|srt|ss|sdd)$/;

/**
 * The identity of a file on the web, which is safe to print and record: its address without user, password, fragment,
 * and the parameters of signatures (`X-Amz-*` and the like) and tokens. Addresses that differ only in these are one
 * video.
 * @throws TypeError for a text that is no address
 */
export function publicAddress(text: string): string {
  const url = new URL(text);
  [url.username, url.password, url.hash] = ["", "", ""];
  const names = [...url.searchParams.keys()];
  const isShared = names.some((name) => name.toLowerCase() === "sig");
  const left = names.filter((name) => {
    const small = name.toLowerCase();
    return SECRET.test(small) || (isShared && SHARED.test(small));
  });
  for (const name of left) url.searchParams.delete(name);
  return url.href;
}

/** Hosts that answered in this process: silence of another host is a fault of its address. */
const answered = new Set<string>();

/** A file at an address of the web. */
export class WebFile {
  /** The address without secrets. */
  readonly address: string;
  #url: URL;
  #headers: Record<string, string>;
  #retries: Retries;

  constructor(text: string, retry?: RetryOptions) {
    this.address = publicAddress(text);
    this.#url = new URL(text);
    const { username, password } = this.#url;
    const user = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
    this.#headers = username === "" && password === "" ? {} : { authorization: `Basic ${user}` };
    [this.#url.username, this.#url.password, this.#url.hash] = ["", "", ""];
    this.#retries = new Retries(retry);
  }

  /**
   * Its size, time and tag, as far as the server says them. The first byte is asked for, because signed addresses are
   * for GET alone.
   * @throws StorageError
   */
  async facts({ signal }: CallOptions = {}): Promise<ObjectBody["facts"]> {
    const { facts, body } = await this.get({ to: 0, signal });
    await body[Symbol.asyncIterator]().return?.();
    return facts;
  }

  /** @throws StorageError `missing`, `denied`, `changed`; `unavailable` when a host that answered before is silent */
  async get({ from = 0, to, ifMatch, signal }: GetOptions = {}): Promise<ObjectBody> {
    const headers = { ...this.#headers, ...rangeHeaders({ from, to, ifMatch }) };
    const response = await this.#send(headers, signal);
    // an empty file has no first byte; its size is in the header
    const isEmpty = response.status === 416 && response.headers.get("content-range") === "bytes */0" && from === 0;
    const { bytes, from: begin, body } = bodyOf(response);
    const etag = response.headers.get("etag") ?? undefined;
    const facts = { bytes: isEmpty ? 0 : bytes, modified: timeOf(response.headers.get("last-modified")), etag };
    return { facts, from: isEmpty ? 0 : begin, body };
  }

  async #send(headers: Record<string, string>, signal: AbortSignal | undefined): Promise<HttpResponse> {
    const { address } = this;
    const url = this.#url;
    for (let failed = 1; ; failed++) {
      let error: StorageError;
      let asked = 0;
      try {
        const response = await send({ method: "GET", url, headers, redirect: "follow", signal, idle: this.#retries.idle, address }); // prettier-ignore
        answered.add(url.host);
        const { status } = response;
        if (url.protocol === "https:" && response.url.startsWith("http:")) {
          response.cancel();
          throw this.#fail("denied", "it redirects to an address without encryption");
        }
        if (status >= 200 && status < 300) return response;
        if (status === 416 && response.headers.get("content-range") === "bytes */0") return response;
        response.cancel();
        error = this.#refusal(status);
        if (status !== 408 && status !== 429 && status < 500) throw error;
        asked = retryAfter(response.headers);
      } catch (cause) {
        if (!(cause instanceof StorageError) || cause.fault !== "interrupted") throw cause;
        // a list may have dead hosts; one that answered before is back later
        const isLost = cause instanceof NoAnswer && answered.has(url.host);
        error = new StorageError(isLost ? "unavailable" : "denied", cause.message, { ...cause.details, cause });
        if (cause instanceof NoAnswer && (!cause.again || (cause.refused && !isLost && failed >= 3))) throw error;
      }
      if (failed >= this.#retries.attempts) throw error;
      await this.#retries.wait(failed, signal, asked);
    }
  }

  #refusal(status: number): StorageError {
    if (status === 404 || status === 410)
      return this.#fail("missing", `there is no such file (HTTP ${status}): check the address`);
    if (status === 412 || status === 416) return this.#fail("changed", `it has changed (HTTP ${status})`);
    if (status === 401 || status === 403)
      return this.#fail("denied", `access is denied (HTTP ${status}): check the address; if it is signed, whether it has expired`); // prettier-ignore
    return this.#fail("denied", `the server answers HTTP ${status}`);
  }

  #fail(fault: "missing" | "denied" | "changed", reason: string): StorageError {
    return new StorageError(fault, `${this.address}: ${reason}`, { file: this.address });
  }
}
