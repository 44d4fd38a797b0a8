// A bucket is listed whole, requests are signed and made again where that helps, writes replace nothing, and every
// refusal is a sentence.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { S3Store } from "#lib/storage/s3_store.js";
import type { StorageError } from "#lib/storage/storage_error.js";
import { parseXml } from "#lib/storage/xml.js";
import { rejection } from "../support/errors.js";
import { KEYS, type S3Server, startS3Server } from "../support/s3_server.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("s3 store");
let server: S3Server;
test.before.each(async () => void (server = await startS3Server({ page: 3 })));
test.after.each(() => server.close());

const RETRY = { attempts: 4, firstWait: 1, idle: 0.2 };
const storeOf = (env: object = {}, bucket = server.bucket, retry = RETRY) =>
  new S3Store(bucket, { env: { ...server.env, ...env }, retry });
async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const value of values) list.push(value);
  return list;
}
const text = async (body: AsyncIterable<Uint8Array>) => Buffer.concat(await all(body)).toString();
const fails = async (work: Promise<unknown>, fault: string, message: RegExp) => {
  const error = await rejection<StorageError>(work);
  assert.is(error.fault, fault, error.stack);
  assert.match(error.message, message);
  return error;
};

/** Keys that addresses, XML or signatures could confuse. */
const ODD = ["a b.mp4", "a+b.mp4", "%2F%41.mp4", "ü/é\u0301.mp4", "x//y.mp4", "q?x=1&y#z.mp4", "<&>\"'.mp4", "(1)!*~.mp4", "a\u0001b\n.mp4", "back\\slash.mp4"]; // prettier-ignore

test("all pages of a prefix are listed, and objects of odd keys are read and signed", async () => {
  for (const [i, key] of ODD.entries()) server.put(`in/${key}`, `content ${i}`);
  server.put("other/x.mp4", "x");
  const store = storeOf();
  const found = await all(store.list("in/"));
  assert.equal(found.map(({ key }) => key).sort(), ODD.map((key) => `in/${key}`).sort());
  assert.ok(server.requests.filter(({ method }) => method === "GET").length >= 4, "pages");
  for (const [i, key] of ODD.entries()) {
    const { facts, body } = await store.get(`in/${key}`);
    assert.is(await text(body), `content ${i}`, key);
    assert.equal(await store.head(`in/${key}`), { key: `in/${key}`, bytes: facts.bytes, modified: facts.modified, etag: facts.etag }); // prettier-ignore
    assert.equal(found.find((one) => one.key === `in/${key}`), { key: `in/${key}`, bytes: 9, modified: 1.7e12, etag: facts.etag }); // prettier-ignore
  }
  const part = await store.get("other/x.mp4", { from: 0, to: 0 });
  assert.is(await text(part.body), "x");
  assert.is(await store.head("none"), undefined);
  await fails(store.get("a/../b"), "missing", /a key with a part \. or \.\./);
});

test("a fault that passes is met by another attempt, and one that stays becomes a sentence", async () => {
  server.put("a.mp4", "content");
  let count = 0;
  const faults = ["503", "slowdown", "reset"] as const;
  server.options.plan = () => faults[count++];
  const store = storeOf();
  assert.is(await text((await store.get("a.mp4")).body), "content");
  assert.is(count, 4);
  server.options.plan = () => "slowdown";
  await fails(store.get("a.mp4"), "unavailable", /^s3:\/\/videos\/a\.mp4: 127\.0\.0\.1:\d+ is overloaded or out of order \(SlowDown: Please reduce/); // prettier-ignore
  server.options.plan = undefined;
  server.options.answer = () => true; // never answers
  await fails(store.get("a.mp4"), "unavailable", /no byte arrived for 0\.2 s/);
});

test("each refusal says what to check", async () => {
  server.put("a.mp4", "x");
  await fails(storeOf().get("b.mp4"), "missing", /^s3:\/\/videos\/b\.mp4: there is no such object \(NoSuchKey\)/);
  await fails(storeOf({}, "nobody").get("b.mp4"), "unavailable", /^s3:\/\/nobody: there is no such bucket at 127/);
  await fails(storeOf({}, "nobody").head("b.mp4"), "unavailable", /there is no such bucket/);
  await fails(all(storeOf({}, "nobody").list("")), "unavailable", /there is no such bucket/);
  await fails(storeOf({ AWS_SECRET_ACCESS_KEY: "wrong" }).get("a.mp4"), "unavailable", /refuses the credentials of the environment \(SignatureDoesNotMatch\)/); // prettier-ignore
  const anonymous = storeOf({ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" });
  await fails(all(anonymous.list("")), "unavailable", /there are no credentials: set AWS_ACCESS_KEY_ID and/);
  server.options.isPublic = true;
  assert.is((await all(anonymous.list(""))).length, 1);
  server.options.answer = ({ key }, response) => {
    if (key !== "a.mp4") return false;
    response.writeHead(403).end("<Error><Code>InvalidObjectState</Code></Error>");
    return true;
  };
  await fails(anonymous.get("a.mp4"), "denied", /it is archived/);
  server.options.answer = (_, response) => !!response.writeHead(403).end("<html>proxy says\u0007 no</html>");
  await fails(storeOf().get("a.mp4"), "denied", /access is denied \(HTTP 403\) to the credentials of the environment: check that they allow s3:GetObject, and that the object exists/); // prettier-ignore
  const { endpoint } = server;
  await server.close();
  const began = server.requests.length;
  await fails(storeOf({ AWS_ENDPOINT_URL: endpoint }).head("x"), "unavailable", /gives no answer \(ECONNREFUSED\): check the endpoint http:/); // prettier-ignore
  assert.is(server.requests.length, began);
  server = await startS3Server();
  assert.throws(() => storeOf({}, "no bucket"), /expected a bucket's name/);
  assert.throws(() => storeOf({ AWS_ENDPOINT_URL: "localhost:9000" }), /s3Endpoint: expected an address/);
});

test("credentials that have expired are read again from their file", async () => {
  const path = join(temporaryFolder("rotated"), "credentials");
  const write = (id: string) => writeFileSync(path, `[default]\naws_access_key_id=${id}\naws_secret_access_key=${KEYS.AWS_SECRET_ACCESS_KEY}\n`); // prettier-ignore
  write("OLD");
  server.put("a.mp4", "x");
  server.options.answer = ({ headers }, response) => {
    if (!headers.authorization!.includes("=OLD/")) return false;
    response.writeHead(400).end("<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>");
    return true;
  };
  const store = storeOf({ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_SHARED_CREDENTIALS_FILE: path });
  await fails(store.get("a.mp4"), "unavailable", /refuses the credentials of profile default \(ExpiredToken: expired\)/); // prettier-ignore
  write(KEYS.AWS_ACCESS_KEY_ID);
  assert.is(await text((await store.get("a.mp4")).body), "x");
});

test("a bucket of another region is asked there, with a signature for that region", async () => {
  server.put("a.mp4", "x");
  server.options.answer = ({ headers }, response) => {
    if (headers.authorization!.includes("/eu-south-2/")) return false;
    response.writeHead(301, { "x-amz-bucket-region": "eu-south-2" }).end();
    return true;
  };
  const store = storeOf();
  assert.is((await store.head("a.mp4"))?.bytes, 1);
  assert.is((await all(store.list(""))).length, 1);
  assert.is(server.requests.length, 3, "the region is known from then on");
});

test("a listing that is not XML, ends early, repeats itself or names foreign keys is refused", async () => {
  const page = (body: string) => `<ListBucketResult><IsTruncated>true</IsTruncated>${body}</ListBucketResult>`;
  const hostile: [string, RegExp][] = [
    [`<!DOCTYPE x [<!ENTITY a "aaaa">]>${page("<Name>&a;</Name>")}`, /not XML of S3: markup/],
    [page("<Name>&a;</Name>"), /not XML of S3: the entity &a;/],
    [page("<Contents><Key>a</Key>").slice(0, -19), /not XML of S3: it ends early/],
    ["<x>".repeat(1000), /not XML of S3: too many levels/],
    ["<html></html>", /it is html, not ListBucketResult/],
    [page("<NextContinuationToken>t</NextContinuationToken>"), /one page for ever/],
    [page(""), /a page without a token/],
    [page("<Contents><Key>etc/x</Key><Size>1</Size></Contents>"), /an entry that is no object \(etc\/x\)/],
    [page("<Contents><Key>in/x</Key><Size>-1</Size></Contents>"), /an entry that is no object/],
  ];
  for (const [answer, message] of hostile) {
    server.options.answer = (_, response) => !!response.end(answer);
    await fails(all(storeOf().list("in/")), "unavailable", message);
  }
  let pages = 0;
  server.put("in/a.mp4", "x");
  server.options.answer = (_, response) => pages++ === 0 && !!response.end("<ListBucketResult><Conte");
  assert.is((await all(storeOf().list("in/"))).length, 1, "a page that ended early is asked for again");
  assert.equal(parseXml("<?xml version='1.0'?><!-- <x> --><a:b c='1'><d/><e>&lt;&#x41;<![CDATA[<&>]]></e></a:b>"), {
    name: "b",
    text: "",
    children: [
      { name: "d", children: [], text: "" },
      { name: "e", children: [], text: "<A<&>" },
    ],
  });
});

test("a write replaces nothing, conflicts are tried again, and an upload in parts is whole or leaves nothing", async () => {
  const store = storeOf({}, server.bucket, { ...RETRY, idle: 10 }); // requests are counted, also on a slow machine
  await store.put("a", Buffer.from("one"), { ifNoneMatch: true });
  await fails(store.put("a", Buffer.from("two"), { ifNoneMatch: true }), "exists", /s3:\/\/videos\/a: an object of this name exists/); // prettier-ignore
  assert.is(server.objects.get("a")!.bytes.toString(), "one");
  let count = 0;
  server.options.plan = ({ method }) => (method === "PUT" && count++ < 2 ? "conflict" : undefined);
  await store.put("b", Buffer.from("three"), { ifNoneMatch: true });
  assert.is(count, 3);
  server.options.plan = undefined;
  const parts = Array.from({ length: 5 }, (_, i) => Buffer.alloc(4 << 20, i));
  await store.upload("big", parts, { ifNoneMatch: true });
  assert.ok(server.objects.get("big")!.bytes.equals(Buffer.concat(parts)));
  assert.is(server.requests.filter(({ query }) => query.has("partNumber")).length, 3);
  await fails(store.upload("big", parts, { ifNoneMatch: true }), "exists", /an object of this name exists/);
  assert.is(server.uploads.size, 0, "aborted");
  server.options.plan = ({ query }) => (query.get("partNumber") === "2" ? "503" : undefined);
  await fails(store.upload("other", parts), "unavailable", /out of order/);
  assert.is(server.uploads.size, 0, "aborted");
  async function* broken() {
    yield parts[0];
    throw new Error("the source broke");
  }
  assert.match((await rejection(store.upload("third", broken()))).message, /the source broke/);
  assert.is(server.uploads.size, 0, "aborted");
  await store.delete("a");
  assert.equal([...server.objects.keys()].sort(), ["b", "big"]);
});

test("an upload whose end is an error with the status 200 is not taken for written", async () => {
  server.options.answer = ({ method, query }, response) => {
    if (method !== "POST" || !query.has("uploadId")) return false;
    response.end("<Error><Code>InternalError</Code></Error>");
    return true;
  };
  await fails(storeOf().upload("a", [Buffer.from("x")]), "unavailable", /it is Error InternalError/);
  assert.is(server.uploads.size, 0);
  assert.is(server.objects.size, 0);
});

test.run();
