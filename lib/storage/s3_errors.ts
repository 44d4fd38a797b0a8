import { parseXml, textOf } from "./xml.js";
import { oneLine, type StorageFault, StorageError } from "./storage_error.js";

/** What an answer of an S3 store with an error says. */
export interface S3Answer {
  status: number;
  /** Such as `NoSuchKey`; `HTTP 404` for an answer without a code. */
  code: string;
  message: string;
  /** The region of the bucket, if the answer names it. */
  region: string | undefined;
}

/** What a request was for, and with which credentials. */
export interface S3Asked {
  /** `s3://bucket/key`, or `s3://bucket` for a request of the bucket. */
  address: string;
  bucket: string;
  host: string;
  isObject: boolean;
  action: string;
  /** Where the credentials come from; undefined for requests that are not signed. */
  credentials: string | undefined;
  /** Whether the store answered a request like this one before. */
  known: boolean;
}

/** Codes after which the same request may succeed. */
const AGAIN = new Set(
  "InternalError ServiceUnavailable SlowDown Busy ServerBusy Throttling ThrottlingException RequestThrottled RequestTimeout RequestTimeTooSlow TooManyRequests OperationAborted ConditionalRequestConflict BadDigest".split(" "), // prettier-ignore
);
/** Codes of credentials that may have been replaced in their file. */
const STALE = new Set("ExpiredToken ExpiredTokenException TokenRefreshRequired InvalidToken InvalidAccessKeyId".split(" ")); // prettier-ignore
const CREDENTIALS = new Set([...STALE, "SignatureDoesNotMatch", "AuthFailure", "InvalidSecurity", "Unauthorized"]);

export function readS3Answer(status: number, headers: Headers, text: string): S3Answer {
  let [code, message, region] = [`HTTP ${status}`, "", headers.get("x-amz-bucket-region") ?? undefined];
  try {
    const error = parseXml(text);
    if (error.name === "Error") {
      code = oneLine(textOf(error, "Code") || code);
      message = oneLine(textOf(error, "Message") ?? "");
      region ??= textOf(error, "Region");
    }
  } catch {
    // an answer of a proxy, or none; the status has the reason
  }
  return { status, code, message, region: region && /^[\w-]{1,40}$/.test(region) ? region : undefined };
}

export const mayRepeat = ({ status, code }: S3Answer): boolean =>
  AGAIN.has(code) || status === 429 || status === 408 || (status >= 500 && status !== 501 && status !== 505);

export const hasStaleCredentials = ({ code }: S3Answer): boolean => STALE.has(code);

/** The sentence for an answer that is an error: what, of which bucket and key, and what to check. */
export function s3Error(answer: S3Answer, asked: S3Asked): StorageError {
  const { status, code, message } = answer;
  const { address, bucket, host, isObject, action, credentials, known } = asked;
  const fail = (fault: StorageFault, text: string) => new StorageError(fault, text, { file: address, received: code });
  const said = message === "" || message.startsWith(code) ? code : `${code}: ${message}`;
  if (code === "NoSuchBucket") {
    return fail("unavailable", `s3://${bucket}: there is no such bucket at ${host} (${code}): check its name and the endpoint`); // prettier-ignore
  }
  if (status === 412) return fail("changed", `${address}: it is not what was expected (${code})`);
  if (status === 416) return fail("changed", `${address}: it is shorter than it was (${code})`);
  if (status === 404 && isObject)
    return fail("missing", `${address}: there is no such object (${code}): check its key`);
  if (status === 403 && code === "InvalidObjectState") {
    return fail("denied", `${address}: it is archived (${code}): restore it first`);
  }
  if (code === "RequestTimeTooSkewed") {
    return fail("unavailable", `${address}: the clock of this machine and that of ${host} differ too much (${code}): set the clock`); // prettier-ignore
  }
  if (CREDENTIALS.has(code) || status === 401) {
    const whose = credentials === undefined ? "requests without credentials" : `the credentials of ${credentials}`;
    return fail("unavailable", `${address}: ${host} refuses ${whose} (${said}): check them, or get new ones`);
  }
  if (status === 403 && credentials === undefined) {
    const reason = "access is denied, and there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"; // prettier-ignore
    return fail(isObject && known ? "denied" : "unavailable", `${address}: ${reason} (${code})`);
  }
  if (status === 403) {
    const absent = action === "s3:GetObject" ? ", and that the object exists" : "";
    const reason = `access is denied (${said}) to the credentials of ${credentials}: check that they allow ${action}${absent}`;
    return fail(isObject ? "denied" : "unavailable", `${address}: ${reason}`);
  }
  if (mayRepeat(answer)) return fail("unavailable", `${address}: ${host} is overloaded or out of order (${said})`);
  return fail("unavailable", `${address}: ${host} refuses the request (${said}): check the bucket, the region and the endpoint`); // prettier-ignore
}
