import { createHash, timingSafeEqual } from "node:crypto";
import { hostname, networkInterfaces } from "node:os";
import { RequestError } from "./request_error.js";

/** Addresses that only programs of this machine reach. */
const LOCAL = ["localhost", "127.0.0.1", "::1"];
const ANY = ["0.0.0.0", "::"];
export const isLocal = (host: string): boolean => LOCAL.includes(host);

/** Name of the cookie with the token. */
export const COOKIE = "videoclip_token";

/** Headers of every answer: the page runs its own script only, talks to its own server only, and is in no frame. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; " +
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
};

/** What is known of a request before it is answered. */
export interface GuardedRequest {
  method: string;
  /** Whether it is one that sends a body, by POST. */
  sends?: boolean | undefined;
  header(name: string): string | undefined;
}

export interface GuardOptions {
  /** Address that the server listens on. */
  host: string;
  token?: string | undefined;
  /** More names under which browsers may ask for the server, such as that of a proxy. */
  allowedHosts?: readonly string[] | undefined;
}

/** Decides which requests are answered. */
export class Guard {
  #hosts: Set<string>;
  #token: Buffer | undefined;

  constructor({ host, token, allowedHosts = [] }: GuardOptions) {
    const own = ANY.includes(host)
      ? [hostname(), ...Object.values(networkInterfaces()).flatMap((list) => list!.map(({ address }) => address))]
      : [host];
    this.#hosts = new Set([...LOCAL, ...own, ...allowedHosts].map((name) => name.toLowerCase()));
    this.#token = token === undefined ? undefined : digest(token);
  }

  get needsToken(): boolean {
    return this.#token !== undefined;
  }

  /** Refuses what no client of this server sends. @throws RequestError */
  check({ method, sends = false, header }: GuardedRequest): void {
    const host = hostOf(header("host"));
    // a page of another site whose name was pointed at this machine (DNS rebinding) asks under its own name
    if (!this.#hosts.has(host)) {
      throw new RequestError(403, "this server does not answer under that name: see --allow-host");
    }
    if (sends ? method !== "POST" : method !== "GET" && method !== "HEAD") {
      const allowed = sends ? "POST" : "GET, HEAD";
      throw new RequestError(405, `only ${allowed.replace(", ", " and ")} are answered here`, { Allow: allowed });
    }
    if (sends) return;
    if (Number(header("content-length") ?? 0) > 0 || header("transfer-encoding") !== undefined) {
      throw new RequestError(413, "requests to this server have no body");
    }
  }

  /** Refuses requests that pages of other sites send. @throws RequestError */
  checkOrigin({ header }: GuardedRequest): void {
    const site = header("sec-fetch-site");
    const origin = header("origin");
    const foreign = origin !== undefined && !sameHost(origin, header("host"));
    if (foreign || (site !== undefined && site !== "same-origin" && site !== "none")) {
      throw new RequestError(403, "pages of other sites may not read from this server");
    }
  }

  /** @throws RequestError for a request without the token, in its header or in the cookie of the page */
  checkToken({ header }: GuardedRequest): void {
    const [, bearer] = /^bearer +(\S+)$/i.exec(header("authorization") ?? "") ?? [];
    if (this.isToken(bearer ?? cookieOf(header("cookie")))) return;
    throw new RequestError(401, "this server needs its token: Authorization: Bearer TOKEN, or open /?token=TOKEN", {
      "WWW-Authenticate": "Bearer",
    });
  }

  /** Whether this is the token; takes the same time for every other text. True where none is needed. */
  isToken(text: string | undefined): boolean {
    return this.#token === undefined || (text !== undefined && timingSafeEqual(digest(text), this.#token));
  }
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** The name in a `Host` header, without port and brackets. */
function hostOf(header = ""): string {
  const [, six, name] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d{1,5})?$/i.exec(header) ?? [];
  return (six ?? name ?? "").toLowerCase();
}

function sameHost(origin: string, host: string | undefined): boolean {
  try {
    return new URL(origin).host === host?.toLowerCase();
  } catch {
    return false; // "null", and what is no address
  }
}

function cookieOf(header = ""): string | undefined {
  const part = header.split(/; */).find((text) => text.startsWith(`${COOKIE}=`));
  try {
    return part && decodeURIComponent(part.slice(COOKIE.length + 1));
  } catch {
    return undefined;
  }
}
