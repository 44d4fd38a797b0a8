import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { StorageError } from "./storage_error.js";

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
  /** Where they come from, for messages. */
  source: string;
}

/** What the environment and the profile files say about S3. */
export interface S3Environment {
  /** Undefined: requests are not signed. */
  credentials: Credentials | undefined;
  region: string | undefined;
  endpoint: string | undefined;
  /** `path` or `virtual`, by the setting `addressing_style`. */
  addressing: string | undefined;
}

type Section = Record<string, string>;

/**
 * Reads credentials and settings: first `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, then the profile `AWS_PROFILE`
 * (or `default`) in `~/.aws/credentials` and `~/.aws/config`, or in the files that `AWS_SHARED_CREDENTIALS_FILE` and
 * `AWS_CONFIG_FILE` name. Nothing is asked of the network.
 * @throws StorageError `unavailable` for a profile that is missing, or that gets its credentials in another way
 */
export function readS3Environment(env: Readonly<Record<string, string | undefined>> = process.env): S3Environment {
  const named = env.AWS_PROFILE || env.AWS_DEFAULT_PROFILE;
  const name = named || "default";
  const folder = join(env.HOME || homedir(), ".aws");
  const files = [
    env.AWS_SHARED_CREDENTIALS_FILE || join(folder, "credentials"),
    env.AWS_CONFIG_FILE || join(folder, "config"),
  ] as const;
  const secret = readIni(files[0])[name];
  const settings = sectionOf(readIni(files[1]), name);
  const profile = secret || settings ? { ...settings, ...secret } : undefined;
  return {
    credentials: ownCredentials(env) ?? profileCredentials(name, profile, files, named !== undefined),
    region: env.AWS_REGION || env.AWS_DEFAULT_REGION || profile?.region,
    endpoint: env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || profile?.["s3.endpoint_url"] || profile?.endpoint_url,
    addressing: profile?.["s3.addressing_style"],
  };
}

function ownCredentials(env: Readonly<Record<string, string | undefined>>): Credentials | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = env;
  if (!accessKeyId && !secretAccessKey) return undefined;
  if (!accessKeyId || !secretAccessKey) {
    const [set, missing] = accessKeyId
      ? ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
      : ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"];
    throw new StorageError("unavailable", `the environment has ${set} without ${missing}: set both`);
  }
  return { accessKeyId, secretAccessKey, sessionToken: AWS_SESSION_TOKEN || undefined, source: "the environment" };
}

/** Settings of a profile that stand for another way to get credentials. */
const OTHER_WAYS = ["role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file"];

function profileCredentials(
  name: string,
  profile: Section | undefined,
  files: readonly string[],
  isNamed: boolean,
): Credentials | undefined {
  if (!profile) {
    if (!isNamed) return undefined;
    throw new StorageError(
      "unavailable",
      `AWS_PROFILE is ${name}, and neither ${files.join(" nor ")} has this profile`,
    );
  }
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey, aws_session_token } = profile;
  if (accessKeyId && secretAccessKey) {
    return { accessKeyId, secretAccessKey, sessionToken: aws_session_token || undefined, source: `profile ${name}` };
  }
  const other = OTHER_WAYS.find((key) => profile[key] !== undefined);
  if (other !== undefined) {
    throw new StorageError(
      "unavailable",
      `profile ${name} gets its credentials by ${other}, which is not supported: put them into the environment, as with ` +
        `\`eval "$(aws configure export-credentials --profile ${name} --format env)"\``,
    );
  }
  if (!isNamed) return undefined; // a profile with settings alone
  throw new StorageError("unavailable", `profile ${name} has no aws_access_key_id and aws_secret_access_key`);
}

/** A profile of the config file, whose sections are called `profile NAME`. */
const sectionOf = (sections: Record<string, Section>, name: string): Section | undefined =>
  sections[`profile ${name}`] ?? (name === "default" ? sections.default : undefined);

/** The sections of an ini file; none if it cannot be read. Indented settings below `s3 =` are `s3.NAME`. */
function readIni(path: string): Record<string, Section> {
  let text: string;
  try {
    text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch {
    return {};
  }
  const sections: Record<string, Section> = Object.create(null);
  let section: Section | undefined;
  let above = "";
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const header = /^\s*\[\s*([^\]]+?)\s*\]/.exec(line);
    if (header) {
      section = sections[header[1].replace(/\s+/g, " ")] ??= Object.create(null) as Section;
      continue;
    }
    const [, indent, key, value] = /^(\s*)([^=\s]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (!section || key === undefined) continue;
    const isNested = indent !== "" && above !== "";
    if (!isNested) above = value === "" ? key.toLowerCase() : "";
    section[isNested ? `${above}.${key.toLowerCase()}` : key.toLowerCase()] = value;
  }
  return sections;
}
