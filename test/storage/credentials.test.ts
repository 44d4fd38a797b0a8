// Credentials come from the environment, else from the profile files, and what cannot be used is named.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readS3Environment } from "#lib/storage/credentials.js";
import { isError } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("credentials");
const root = temporaryFolder("credentials");

function files(credentials: string, config = ""): NodeJS.ProcessEnv {
  const [AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE] = ["credentials", "config"].map((name) => join(root, name));
  writeFileSync(AWS_SHARED_CREDENTIALS_FILE, credentials);
  writeFileSync(AWS_CONFIG_FILE, config);
  return { AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE, HOME: root };
}

const KEYS = "aws_access_key_id = ID\naws_secret_access_key=SE/CRET+=\n";

test("the environment comes before the files, and both variables belong together", () => {
  const env = { ...files(`[default]\n${KEYS}`), AWS_ACCESS_KEY_ID: "E", AWS_SECRET_ACCESS_KEY: "S", AWS_SESSION_TOKEN: "T" }; // prettier-ignore
  const { credentials } = readS3Environment(env);
  assert.equal(credentials, { accessKeyId: "E", secretAccessKey: "S", sessionToken: "T", source: "the environment" });
  const half = { ...env, AWS_SECRET_ACCESS_KEY: "" };
  assert.throws(() => readS3Environment(half), isError("ERR_STORAGE", /AWS_ACCESS_KEY_ID without AWS_SECRET_ACCESS_KEY/)); // prettier-ignore
});

test("profiles are read from both files, with comments, spaces, nested settings and line breaks of Windows", () => {
  const env = files(
    `; comment\r\n[other]\r\naws_access_key_id=X\r\n\r\n[ work ]\r\n${KEYS}aws_session_token = tok en\r\n`,
    "[default]\nregion = eu-west-1\n[profile work]\nregion=us-west-2\ns3 =\n  addressing_style = virtual\n  max_bandwidth = 1MB/s\nendpoint_url = http://localhost:9000\n",
  );
  const work = readS3Environment({ ...env, AWS_PROFILE: "work" });
  assert.equal(work.credentials, { accessKeyId: "ID", secretAccessKey: "SE/CRET+=", sessionToken: "tok en", source: "profile work" }); // prettier-ignore
  assert.is(work.region, "us-west-2");
  assert.is(work.addressing, "virtual");
  assert.is(work.endpoint, "http://localhost:9000");
  assert.is(readS3Environment({ ...env, AWS_PROFILE: "work", AWS_REGION: "r", AWS_ENDPOINT_URL: "http://e" }).region, "r"); // prettier-ignore
  const plain = readS3Environment(env);
  assert.is(plain.credentials, undefined);
  assert.is(plain.region, "eu-west-1");
});

test("without anything requests are not signed; a profile that is missing or made in another way is an error", () => {
  const env = files(
    "",
    "[profile sso]\nsso_session = x\n[profile role]\nrole_arn = arn:1\n[profile empty]\nregion = x\n",
  );
  assert.is(readS3Environment(env).credentials, undefined);
  assert.is(readS3Environment({ HOME: join(root, "nowhere") }).credentials, undefined);
  const as = (name: string) => () => readS3Environment({ ...env, AWS_PROFILE: name });
  assert.throws(
    as("nobody"),
    isError("ERR_STORAGE", /AWS_PROFILE is nobody, and neither .*credentials nor .*config has/),
  );
  assert.throws(as("sso"), isError("ERR_STORAGE", /by sso_session, which is not supported.*export-credentials --profile sso/)); // prettier-ignore
  assert.throws(as("role"), isError("ERR_STORAGE", /by role_arn/));
  assert.throws(as("empty"), isError("ERR_STORAGE", /profile empty has no aws_access_key_id/));
  assert.throws(as("__proto__"), isError("ERR_STORAGE", /AWS_PROFILE is __proto__/));
});

test.run();
