// `videoclip serve` refuses what is malformed, foreign or without the token, and never fails on it.
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "#lib/base/random.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { rawRequest, requestText } from "./raw_request.js";
import { type Example, CRESCENT, served, type Served, SQUARE, STAR, writeExample } from "./served_example.js";

const test = suite("serve: security");
const root = temporaryFolder("serve-security");
const TOKEN = "0123456789-abcdef_XYZ";
let example: Example;
let server: Served;
let port: number;

test.before(async () => {
  example = await writeExample(root);
  // a file beside the videos whose content must never be sent
  mkdirSync(join(root, "private"));
  writeFileSync(join(root, "private", "secret.mp4"), "TOP-SECRET");
  writeFileSync(join(example.videos, "secret.mp4"), "TOP-SECRET");
  server = await served([example.index], { videos: [example.videos] });
  port = Number(new URL(server.url).port);
});
test.after(() => server.close());

const ask = (line: string, ...headers: string[]) => rawRequest(port, requestText(line, ...headers));
const host = () => `Host: 127.0.0.1:${port}`;

test("paths that lead elsewhere are not found", async () => {
  const { moments } = await server.search({ q: STAR });
  const id = moments[0].video;
  const paths = [
    "/videos/secret.mp4",
    "/videos/../private/secret.mp4",
    "/videos/..%2fprivate%2fsecret.mp4",
    "/videos/%2e%2e/%2e%2e/private/secret.mp4",
    "/videos/%252e%252e%252fprivate%252fsecret.mp4",
    "/videos/..\\private\\secret.mp4",
    `/videos/${id}/../secret.mp4`,
    `/videos/${id}%2f..%2fsecret.mp4`,
    `/videos/${id}%00.mp4`,
    `/videos/${encodeURIComponent(join(example.videos, "secret.mp4"))}`,
    `/videos/${join(example.videos, "a.mp4")}`,
    "/videos/",
    "/videos/%",
    "/videos/%ff%fe",
    "/videos/__proto__",
    "/videos/constructor",
    "/page/../serve.js",
    "/page/..%2fserve.js",
    "/page/%2e%2e/serve.js",
    "/page/__proto__",
    "/page/toString",
    "//private/secret.mp4",
    "/etc/passwd",
  ];
  for (const path of paths) {
    const { status, body } = await ask(`GET ${path}`, host());
    assert.ok(status === 404 || status === 400 || status === 403, `${path}: ${status}`);
    assert.not.match(body.toString("latin1"), /TOP-SECRET|import |root:/, path);
  }
  assert.is((await ask(`GET /videos/${id}`, host())).status, 200);
});

test("the server answers under its own names only, so that a foreign name cannot be pointed at it", async () => {
  const cases: [string[], number][] = [
    [["Host: 127.0.0.1"], 200],
    [[`Host: localhost:${port}`], 200],
    [["Host: LOCALHOST"], 200],
    [[`Host: [::1]:${port}`], 200],
    [["Host: evil.example"], 403],
    [[`Host: evil.example:${port}`], 403],
    [["Host: 127.0.0.1.evil.example"], 403],
    [["Host: localhost.evil.example"], 403],
    [["Host: localhost@evil.example"], 400],
    [["Host: "], 400],
    [["Host: 10.0.0.1"], 403],
    [[], 400],
    [["Host: localhost", "Host: evil.example"], 400],
    [["Host: evil.example", "X-Forwarded-Host: localhost"], 403],
  ];
  for (const [headers, expected] of cases) {
    for (const path of ["/api/indexes", "/health", "/", `/api/search?q=${encodeURIComponent(CRESCENT)}`]) {
      if (path === "/" && expected === 200) continue;
      const { status, body } = await ask(`GET ${path}`, ...headers);
      assert.ok(
        status === expected || (expected >= 400 && (status === 400 || status === 403)),
        `${headers}: ${status}`,
      );
      if (expected >= 400) assert.not.match(body.toString(), /"moments"|"indexes"/);
    }
  }
  // the name in the first line counts for nothing
  assert.is((await ask("GET http://localhost/api/indexes", "Host: evil.example")).status, 403);
  const proxied = await served([example.index], { allowedHosts: ["videos.example"] });
  const behind = Number(new URL(proxied.url).port);
  assert.is((await rawRequest(behind, requestText("GET /health", "Host: videos.example"))).status, 200);
  assert.is((await rawRequest(behind, requestText("GET /health", "Host: evil.example"))).status, 403);
  await proxied.close();
});

test("pages of other sites cannot read, and no answer allows them to", async () => {
  const foreign = [
    ["Origin: http://evil.example"],
    ["Origin: null"],
    [`Origin: http://localhost:${port + 1}`],
    ["Sec-Fetch-Site: cross-site"],
    ["Sec-Fetch-Site: same-site"],
  ];
  for (const headers of foreign) {
    for (const path of ["/api/indexes", "/metrics", "/openapi.json", "/videos/x", "/api/search?q=a"])
      assert.is((await ask(`GET ${path}`, host(), ...headers)).status, 403, `${path} ${headers}`);
  }
  assert.is((await ask("OPTIONS /api/search", host(), "Origin: http://evil.example")).status, 405);
  for (const headers of [
    [],
    [`Origin: http://127.0.0.1:${port}`],
    ["Sec-Fetch-Site: same-origin"],
    ["Sec-Fetch-Site: none"],
  ]) {
    const answer = await ask("GET /api/indexes", host(), ...headers);
    assert.is(answer.status, 200, String(headers));
    assert.not.match(answer.head, /access-control/);
    assert.match(answer.head, /content-security-policy: default-src 'none'; script-src 'self';/);
    for (const line of ["x-content-type-options: nosniff", "x-frame-options: deny", "referrer-policy: no-referrer"])
      assert.ok(answer.head.includes(line), line);
  }
});

test("nothing can be written or sent: other methods and bodies are refused", async () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]) {
    const { status, head } = await ask(`${method} /api/search?q=a`, host(), "Content-Length: 0");
    assert.is(status, 405, method);
    assert.match(head, /allow: get, head/);
  }
  const sent = requestText("GET /api/indexes", host(), "Content-Length: 5").replace(/$/, "hello");
  assert.is((await rawRequest(port, sent)).status, 413);
  const chunked = `${requestText("GET /api/indexes", host(), "Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n\r\n`;
  assert.is((await rawRequest(port, chunked)).status, 413);
});

test("malformed and huge requests get an answer of the kind 4xx", async () => {
  const cases = [
    "GARBAGE\r\n\r\n",
    "GET\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    requestText("GET api", host()),
    requestText("GET *", host()),
    requestText("GET /api/search?q=%", host()),
    requestText("GET /api/search?q=%ff%00%zz", host()),
    requestText("GET \\\\evil\\x", host()),
    requestText("GET /api/indexes", host(), `X: ${"a".repeat(40_000)}`),
    requestText(`GET /api/search?q=${"a".repeat(15_000)}`, host()),
    requestText(`GET /${"a".repeat(100_000)}`, host()),
    requestText("GET /api/search?q=a", host(), "Content-Length: 99999999999999999999"),
    requestText("GET /api/search?q=a", host(), "Content-Length: -1"),
    requestText("GET /api/indexes", host(), "Content-Length: 3", "Transfer-Encoding: chunked"),
    Buffer.from([0, 1, 2, 255, 13, 10, 13, 10]),
    requestText("GET http://[::1", host()),
    requestText("GET ftp://localhost/x", host()),
    requestText("CONNECT localhost:80", host()),
    requestText("GET /", host(), "Upgrade: websocket", "Cookie: videoclip_token=%"),
  ];
  for (const bytes of cases) {
    const { status } = await rawRequest(port, bytes);
    assert.ok(status < 500, `${JSON.stringify(String(bytes).slice(0, 80))}: ${status}`);
  }
  assert.equal(await server.json("/health"), { status: "ok" });
});

test("with a token, every answer but /health needs it; the page gets it as a cookie", async () => {
  const closed = await served([example.index], { token: TOKEN, host: "0.0.0.0" });
  const at = Number(new URL(closed.url).port);
  const status = async (path: string, ...headers: string[]) =>
    (await rawRequest(at, requestText(`GET ${path}`, `Host: 127.0.0.1:${at}`, ...headers))).status;
  try {
    const { video } = (await server.search({ q: STAR })).moments[0];
    const paths = ["/", "/api/indexes", "/api/search?q=a", "/metrics", "/openapi.json", `/videos/${video}`, "/page/x"];
    const wrong = [
      [],
      ["Authorization: Bearer wrong"],
      [`Authorization: Bearer ${TOKEN.slice(0, -1)}`],
      [`Authorization: Bearer ${TOKEN}x`],
      [`Authorization: Basic ${TOKEN}`],
      ["Cookie: videoclip_token="],
      ["Cookie: videoclip_token=%E0%A4%A"],
      [`Cookie: other=${TOKEN}`],
    ];
    for (const path of paths)
      for (const headers of wrong) assert.is(await status(path, ...headers), 401, `${path} ${headers}`);
    assert.is(await status(`/api/indexes?token=${TOKEN}`), 401, "the token is no parameter of the API");
    assert.is(await status("/health"), 200);
    assert.is(await status("/api/indexes", `Authorization: Bearer ${TOKEN}`), 200);
    assert.is(await status("/?token=wrong"), 401);
    const entered = await rawRequest(at, requestText(`GET /?token=${TOKEN}`, `Host: 127.0.0.1:${at}`));
    assert.is(entered.status, 303);
    assert.match(entered.head, /location: \/\r\n/);
    assert.match(entered.head, /set-cookie: videoclip_token=\S+; path=\/; httponly; samesite=lax/);
    assert.is(await status("/api/indexes", `Cookie: a=b; videoclip_token=${encodeURIComponent(TOKEN)}`), 200);
    assert.not.match(JSON.stringify(closed.log), new RegExp(TOKEN), "the log does not have the token");
  } finally {
    await closed.close();
  }
});

test("the log has no queries", async () => {
  await server.search({ q: "a very private sentence" });
  assert.not.match(JSON.stringify(server.log), /private sentence/);
  const last = server.log.at(-1)!;
  assert.equal([last.event, last.method, last.path, last.status], ["request", "GET", "/api/search", 200]);
});

test("too many searches at once are refused and not kept", async () => {
  const small = await served([example.index], { parallel: 1, waiting: 2 });
  try {
    const sentences = Array.from({ length: 40 }, (_, i) => `a red star ${i}`);
    const statuses = await Promise.all(sentences.map(async (q) => (await small.get(`/api/search?q=${q}`)).status));
    assert.equal([...new Set(statuses)].sort(), [200, 503]);
    assert.is((await small.get(`/api/search?q=${CRESCENT}`)).status, 200, "afterwards it answers again");
    assert.match(await (await small.get("/metrics")).text(), /videoclip_searches_waiting 0\n/);
  } finally {
    await small.close();
  }
});

test("clients that say nothing or stop in the middle do not keep others waiting", async () => {
  const silent = Array.from({ length: 50 }, (_, i) => {
    const socket = connect(port, "127.0.0.1", () => i % 2 && socket.write(`GET /api/search HTTP/1.1\r\nHost: loc`));
    socket.on("error", () => {});
    return socket;
  });
  assert.is((await ask("GET /api/indexes", host())).status, 200);
  for (const socket of silent) socket.destroy();
});

test("10,000 random requests: none fails, none finds the secret", async () => {
  const random = new Random(20);
  const int = (n: number) => Math.floor(random.uniform() * n);
  const pick = <T>(list: readonly T[]): T => list[int(list.length)];
  const { video } = (await server.search({ q: STAR })).moments[0];
  const junk = () => {
    const bytes = Buffer.from(Array.from({ length: int(24) }, () => int(256)));
    return pick([
      () => encodeURIComponent(bytes.toString("latin1")),
      () => bytes.toString("latin1").replace(/[\r\n\0 ]/g, "%"),
      () => bytes.toString("hex").replace(/../g, "%$&"),
      () =>
        pick(["..", "%2e%2e%2f", "%00", "%", "__proto__", "-1", "1e309", "NaN", "null", "[]", "{}", "%F0%9F%98%80"]),
    ])();
  };
  const names =
    "q not like index path field min_seconds max_seconds threshold group merge timeline limit offset token x".split(
      " ",
    );
  const values: Record<string, () => string> = {
    q: () =>
      encodeURIComponent(pick([STAR, CRESCENT, SQUARE, "", "zeppelin", "a ".repeat(int(600)), "\u{1f600} ʼn \u202e"])),
    not: () => encodeURIComponent(pick([STAR, CRESCENT, `${video}@4`])),
    like: () =>
      pick([`${pick([video, junk()])}@${pick(["0", "4.5", "999999999", "-1", junk()])}`, `picture:${junk()}`]),
    min_seconds: () => pick(["0", "5", "1e9", junk()]),
    max_seconds: () => pick(["8", "0.5", junk()]),
    index: () => pick(["index", junk()]),
    threshold: () => pick(["0", "-3.5", "1e5", "9".repeat(20), "1e-99", junk()]),
    group: () => pick(["video", junk()]),
    merge: () => pick(["true", "false"]),
    timeline: () => pick(["true", "false"]),
    limit: () => String(int(210)),
    offset: () => String(int(12_000)),
  };
  const query = () =>
    Array.from({ length: int(6) }, () => pick(names)).map(
      (name) => `${name}=${int(8) ? (values[name] ?? junk)() : junk()}`,
    );
  const path = () =>
    pick([
      () => `/api/search?q=${values.q()}&${query().join("&")}`,
      () => `/api/search?${query().join("&")}`,
      () => `/videos/${video}`,
      () => `/videos/${pick([video, junk(), `${junk()}/${junk()}`])}`,
      () => `/page/${junk()}`,
      () => `/api/stills/${pick([video, junk()])}?t=${pick(["0", "1.5", junk()])}`,
      () => `/api/pictures${pick(["", `/${junk()}`, `?index=${junk()}`])}`,
      () => `/${junk()}?${query().join("&")}`,
      () => pick(["/", "/health", "/metrics", "/api/indexes", "/openapi.json"]),
    ])();
  const header = () =>
    pick([
      () => `Range: ${pick(["bytes=0-", "bytes=-1", "bytes=5-2", `bytes=${junk()}`, "bytes=0-0,2-3", "bytes=99999-"])}`,
      () => `Cookie: ${junk()}=${junk()}`,
      () => `If-None-Match: ${junk()}`,
      () => `If-Range: ${junk()}`,
      () => `Accept-Encoding: ${junk()}`,
      () => `Origin: ${junk()}`,
      () => `Authorization: ${junk()}`,
      () => `Expect: 100-continue`,
      () => `Content-Length: ${pick(["0", junk()])}`,
    ])();
  const statuses = new Map<number, number>();
  const one = async () => {
    const line = `${int(12) ? "GET" : pick(["HEAD", "POST", "DELETE", "BREW", junk()])} ${path()}`;
    const name = int(20) ? `Host: localhost:${port}` : `Host: ${junk()}`;
    const text = requestText(line, name, ...Array.from({ length: int(3) }, header));
    const { status, body } = await rawRequest(port, Buffer.from(text, "latin1"));
    assert.ok(status < 500, `${status}: ${JSON.stringify(text)}`);
    assert.not.match(body.toString("latin1"), /TOP-SECRET/);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  for (let done = 0; done < 10_000; done += 20) await Promise.all(Array.from({ length: 20 }, one));
  for (const expected of [200, 206, 400, 403, 404, 405, 415, 422]) assert.ok(statuses.get(expected), `no ${expected}`);
  assert.equal(server.log.filter(({ event }) => event === "error"), []); // prettier-ignore
  assert.equal(await server.json("/health"), { status: "ok" });
});

test.run();
