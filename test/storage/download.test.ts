// A download is the object, byte for byte, whatever the network does in between, or it is an error.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { download, TooLarge } from "#lib/storage/download.js";
import type { ObjectStore } from "#lib/storage/object_store.js";
import { S3Store } from "#lib/storage/s3_store.js";
import type { StorageError } from "#lib/storage/storage_error.js";
import { publicAddress, WebFile } from "#lib/storage/web_file.js";
import { rejection } from "../support/errors.js";
import { type S3Server, seeded, startS3Server } from "../support/s3_server.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("download");
const root = temporaryFolder("download");
const RETRY = { attempts: 5, firstWait: 1, idle: 0.2 };
const random = seeded(7);
const BYTES = Buffer.from(Uint8Array.from({ length: 300_000 }, () => 256 * random()));
let server: S3Server;
test.before.each(async () => void (server = await startS3Server()));
test.after.each(() => server.close());

let files = 0;
async function fetched(source: Parameters<typeof download>[0], options: object = {}) {
  const path = join(root, `${files++}.bin`);
  const facts = await download(source, path, { limit: 1e9, retry: RETRY, ...options });
  return { facts, bytes: readFileSync(path) };
}
const store = () => new S3Store(server.bucket, { env: server.env, retry: RETRY });
const object = (key = "a.mp4", from: ObjectStore = store()) => ({
  address: `s3://videos/${key}`,
  get: (options: object) => from.get(key, options),
});

test("data that end early or stall are continued from where they ended, with a condition", async () => {
  server.put("a.mp4", BYTES);
  for (const fault of ["truncate", "stall"] as const) {
    server.requests.length = 0;
    let count = 0;
    server.options.plan = () => (count++ < 3 ? fault : undefined);
    const { facts, bytes } = await fetched(object(), { hash: true });
    assert.ok(bytes.equals(BYTES), fault);
    assert.equal(facts, { bytes: BYTES.length, modified: 1.7e12, etag: server.objects.get("a.mp4")!.etag, sha256: createHash("sha256").update(BYTES).digest("hex") }); // prettier-ignore
    const begins = server.requests.map(({ headers }) => Number(/\d+/.exec(headers.range ?? "0")![0]));
    assert.is(begins.length, 4);
    assert.ok(begins.every((at, i) => i === 0 || at > begins[i - 1]), begins.join()); // prettier-ignore
    assert.ok(server.requests.slice(1).every(({ headers }) => headers["if-match"] === facts.etag));
  }
  server.options.plan = ({ headers }) => (headers.range ? "503" : "truncate");
  assert.is((await rejection<StorageError>(fetched(object()))).fault, "unavailable");
});

test("parts of a store that uses their memory again are copied, in parts that are smaller and larger than one write", async () => {
  const whole = Buffer.concat(Array.from({ length: 9 }, () => BYTES)).subarray(0, 2_500_001);
  for (const size of [70_000, 1_200_000]) {
    const memory = Buffer.alloc(size);
    const parts = async function* () {
      for (let at = 0; at < whole.length; at += size) yield memory.subarray(0, whole.copy(memory, 0, at, at + size));
    };
    const get = () => Promise.resolve({ from: 0, facts: { bytes: whole.length, modified: 1 }, body: parts() });
    const { bytes, facts } = await fetched({ address: "s3://videos/a.mp4", get }, { hash: true });
    assert.ok(bytes.equals(whole), String(size));
    assert.is(facts.sha256, createHash("sha256").update(whole).digest("hex"));
  }
});

test("an object that changes in between is begun again; one that always changes is an error", async () => {
  server.put("a.mp4", BYTES);
  const other = Buffer.from(BYTES).reverse().subarray(0, 200_000);
  server.options.plan = ({ headers }) => {
    if (!headers.range) return server.requests.length === 1 ? "truncate" : undefined;
    server.put("a.mp4", other);
    return undefined;
  };
  const { bytes, facts } = await fetched(object());
  assert.ok(bytes.equals(other), "nothing of the earlier object is left");
  assert.is(facts.bytes, other.length);
  let version = 0;
  server.options.plan = ({ headers }) => {
    server.put("a.mp4", BYTES.subarray(0, 250_000 + version++));
    return headers.range ? undefined : "truncate";
  };
  const error = await rejection<StorageError>(fetched(object()));
  assert.match(error.message, /s3:\/\/videos\/a\.mp4: it changes again and again/);
});

test("an object without bytes, and one at the limit, are whole; one above it is refused before it fills the disk", async () => {
  server.put("empty.mp4", "");
  server.put("a.mp4", BYTES);
  assert.is((await fetched(object("empty.mp4"))).bytes.length, 0);
  assert.is((await fetched(object(), { limit: BYTES.length })).bytes.length, BYTES.length);
  assert.instance(await rejection(fetched(object(), { limit: BYTES.length - 1 })), TooLarge);
});

test("a client of the caller is understood by the status of its errors, and by what it leaves out", async () => {
  const calls: object[] = [];
  const client = (errors: object[], facts: object = {}) =>
    ({
      get: async (_: string, { from = 0, ...rest }: { from?: number }) => {
        calls.push({ from, ...rest });
        const error = errors.shift();
        if (error && !("cut" in error)) throw Object.assign(new Error("of the client"), error);
        async function* body() {
          yield BYTES.subarray(from, error ? from + 1000 : undefined);
        }
        return { facts: { bytes: BYTES.length, modified: 5, etag: '"x"', ...facts }, from, body: body() };
      },
    }) as unknown as ObjectStore;
  const mended = client([{ $metadata: { httpStatusCode: 503 } }, { code: "ECONNRESET" }, { cut: 1 }]);
  assert.ok((await fetched(object("a", mended))).bytes.equals(BYTES));
  assert.is((calls.at(-1) as { from: number }).from, 1000);
  // without a tag or a time nobody knows whether the rest belongs to the same object
  const untagged = client([{ cut: 1 }], { etag: undefined, modified: 0 });
  assert.ok((await fetched(object("a", untagged))).bytes.equals(BYTES));
  assert.is((calls.at(-1) as { from: number }).from, 0);
  for (const [error, fault] of [
    [{ name: "NoSuchKey" }, "missing"],
    [{ status: 403 }, "denied"],
    [{ statusCode: 400 }, "unavailable"],
  ] as const)
    // prettier-ignore
    assert.is((await rejection<StorageError>(fetched(object("a", client([error]))))).fault, fault);
  const endless = client(
    Array.from({ length: 99 }, () => ({ cut: 1 })),
    { etag: undefined, modified: 0 },
  );
  assert.is((await rejection<StorageError>(fetched(object("a", endless)))).fault, "denied", "it ends");
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
/** A server of the web for one test. */
async function web(handler: Handler, work: (origin: string, seen: IncomingMessage[]) => Promise<void>) {
  const seen: IncomingMessage[] = [];
  const open = createServer((request, response) => {
    seen.push(request);
    handler(request, response);
  });
  await new Promise<void>((resolve) => open.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(open.address() as AddressInfo).port}`, seen);
  } finally {
    open.closeAllConnections();
    open.close();
  }
}

test("the web: redirects, no ranges, no length, compressed bodies and ranges that lie give the right bytes", async () => {
  let cuts = 0;
  const cut = (response: ServerResponse, bytes: Buffer, part: number) => response.write(bytes.subarray(0, part), () => setTimeout(() => response.destroy(), 5)); // prettier-ignore
  const handlers: Record<string, Handler> = {
    "/redirect": (_, response) => response.writeHead(302, { location: "/plain?token=2" }).end(),
    "/plain": (_, response) => response.writeHead(200, { "content-length": BYTES.length }).end(BYTES),
    "/chunked": (_, response) => {
      response.write(BYTES.subarray(0, 99));
      response.end(BYTES.subarray(99));
    },
    "/no-ranges": (_, response) => {
      response.writeHead(200, { "content-length": BYTES.length, etag: '"1"' });
      if (cuts++ < 2) cut(response, BYTES, 1000 * cuts);
      else response.end(BYTES);
    },
    "/cut-chunks": (_, response) => (cuts++ < 2 ? cut(response, BYTES, 5000) : response.end(BYTES)),
    "/gzip": (_, response) => {
      const packed = gzipSync(BYTES);
      response.writeHead(200, { "content-encoding": "gzip", "content-length": packed.length, etag: '"1"' });
      if (cuts++ < 2) cut(response, packed, 5000);
      else response.end(packed);
    },
    "/other-range": ({ headers }, response) => {
      // answers a later range than was asked for, of another version
      if (!headers.range) return void cut(response.writeHead(200, { "content-length": BYTES.length, etag: '"1"' }), BYTES, 1000); // prettier-ignore
      if (cuts++ > 0) return void response.writeHead(200, { "content-length": BYTES.length }).end(BYTES);
      const range = `bytes 2000-${BYTES.length - 1}/${BYTES.length}`;
      response.writeHead(206, { "content-range": range, etag: '"1"' }).end(BYTES.subarray(2000));
    },
    "/new-version": ({ headers }, response) => {
      // without conditions: only the tag shows that the rest belongs to another version
      const length = BYTES.length;
      if (cuts++ === 0) return void cut(response.writeHead(200, { "content-length": length, etag: '"1"' }), Buffer.alloc(length), 1000); // prettier-ignore
      if (!headers.range) return void response.writeHead(200, { "content-length": length, etag: '"2"' }).end(BYTES);
      const from = Number(/\d+/.exec(headers.range)![0]);
      response.writeHead(206, { "content-range": `bytes ${from}-${length - 1}/${length}`, etag: '"2"' }).end(BYTES.subarray(from)); // prettier-ignore
    },
    "/weak": ({ headers }, response) => {
      assert.is(headers["if-match"], undefined, "a weak tag is no condition");
      response.writeHead(headers.range ? 416 : 200, {
        etag: 'W/"1"',
        "content-length": headers.range ? 0 : BYTES.length,
      });
      if (headers.range) response.end();
      else if (cuts++ === 0) cut(response, BYTES, 1000);
      else response.end(BYTES);
    },
  };
  await web(
    (request, response) => handlers[new URL(request.url!, "http://x").pathname](request, response),
    async (origin) => {
      for (const path of Object.keys(handlers)) {
        cuts = 0;
        const { bytes, facts } = await fetched(new WebFile(`${origin}${path}`, RETRY));
        assert.ok(bytes.equals(BYTES), path);
        assert.is(facts.bytes, BYTES.length, path);
      }
      assert.instance(await rejection(fetched(new WebFile(`${origin}/chunked`), { limit: 1000 })), TooLarge);
    },
  );
});

test("the web: the user and the password of an address are sent and never shown, and refusals say what to check", async () => {
  await web(
    ({ headers, url }, response) => {
      const isAllowed = headers.authorization === `Basic ${Buffer.from("me:pass word").toString("base64")}`;
      const status = !isAllowed ? 401 : url === "/a.mp4" ? 200 : 404;
      response.writeHead(status, { "last-modified": new Date(5000).toUTCString() }).end(status === 200 ? "x" : "");
    },
    async (origin) => {
      const host = origin.slice("http://".length);
      const good = new WebFile(`http://me:pass%20word@${host}/a.mp4#t=5`, RETRY);
      assert.is(good.address, `${origin}/a.mp4`);
      assert.is((await fetched(good)).bytes.toString(), "x");
      const denied = await rejection<StorageError>(fetched(new WebFile(`http://me:wrong@${host}/a.mp4`, RETRY)));
      assert.is(denied.fault, "denied");
      assert.match(denied.message, /access is denied \(HTTP 401\)/);
      assert.not.match(`${denied.stack} ${JSON.stringify(denied.details)}`, /wrong/);
      const missing = await rejection<StorageError>(fetched(new WebFile(`http://me:pass%20word@${host}/b.mp4?X-Amz-Signature=abc`, RETRY))); // prettier-ignore
      assert.is(missing.fault, "missing");
      assert.is(missing.message, `${origin}/b.mp4: there is no such file (HTTP 404): check the address`);
      const before = await rejection<StorageError>(fetched(new WebFile("http://127.0.0.1:1/x.mp4", RETRY)));
      assert.is(before.fault, "denied", "an address that never answered is a fault of the video");
    },
  );
});

test("signed addresses of one file are one video, without their signatures", () => {
  const same = [
    "https://b.s3.amazonaws.com/a%20b.mp4?X-Amz-Algorithm=A&X-Amz-Credential=C&X-Amz-Date=1&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Signature=S&X-Amz-Security-Token=T",
    "https://b.s3.amazonaws.com/a b.mp4?AWSAccessKeyId=A&Signature=x%2B&Expires=1#frag",
    "https://user:pw@B.s3.amazonaws.com:443/a%20b.mp4?x-goog-signature=1",
    "https://b.s3.amazonaws.com/a%20b.mp4?sv=2020&se=1&sr=b&sp=r&sig=abc%3D",
  ];
  assert.equal([...new Set(same.map(publicAddress))], ["https://b.s3.amazonaws.com/a%20b.mp4"]);
  assert.is(publicAddress("https://h/watch?v=1&token=t&list=2"), "https://h/watch?v=1&list=2");
  assert.is(publicAddress("https://h/x.mp4?se=1&sr=2"), "https://h/x.mp4?se=1&sr=2", "only beside a signature");
});

test.run();
