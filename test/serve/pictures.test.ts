// A picture or a short clip that is sent to `videoclip serve` becomes a query; what is large, slow, foreign or no picture does not.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { indexFeatures } from "#lib/features/index_features.js";
import { videoClipTextEncoder } from "#lib/features/index_text_encoder.js";
import { extractToFolder } from "#lib/features/run.js";
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { MAX_BODY, Pictures } from "#lib/serve/pictures.js";
import { TextEncoders } from "#lib/serve/text_encoders.js";
import { stillAt } from "#lib/video/stills/still.js";
import { SHAPES_MODEL } from "../../shapes/model.js";
import { writeVideo } from "../../shapes/video_file.js";
import { longVideos } from "../../shapes/videos.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { rawRequest, requestText } from "./raw_request.js";
import { served, type Served, STAR, writeIndex } from "./served_example.js";

const test = suite("serve: pictures");
const root = temporaryFolder("serve-pictures");
const videos = join(root, "videos");
const made = longVideos(2026, 3);
const nameOf = (i: number) => `shapes-${i + 1}.mp4`;
let server: Served;
let port: number;
let still: Uint8Array<ArrayBuffer>;

test.before(async () => {
  mkdirSync(videos);
  for (const [i, video] of made.entries()) await writeVideo(join(videos, nameOf(i)), video);
  const encoder = await VideoEncoder.load({ weights: SHAPES_MODEL, device: "cpu" });
  const model = await VideoClip.load(SHAPES_MODEL, { device: "cpu" });
  const text = videoClipTextEncoder(model, SHAPES_MODEL);
  const features = join(root, "features");
  await extractToFolder([videos], { encoder, out: features });
  await indexFeatures([features], {
    out: join(root, "index"),
    model,
    modelPath: SHAPES_MODEL,
    text,
    window: 4,
    hop: 1,
  });
  encoder.dispose();
  model.dispose();
  server = await served([join(root, "index")]);
  port = Number(new URL(server.url).port);
  const { start, end } = made[1].events[1];
  still = Uint8Array.from(await stillAt(join(videos, nameOf(1)), (start + end) / 2, { width: 256 }));
});
test.after(() => server.close());

const post = (body: Uint8Array<ArrayBuffer> | ReadableStream, type: string, more: Record<string, string> = {}, query = "") =>
  server.get(`/api/pictures${query}`, { method: "POST", body, headers: { "content-type": type, ...more }, duplex: "half" } as RequestInit); // prettier-ignore
const messageOf = async (answer: Response) => ((await answer.json()) as { error: { message: string } }).error.message;
/** Files that the server has in its folder for what it receives. */
const leftFiles = () =>
  readdirSync(tmpdir())
    .filter((name) => name.startsWith(`videoclip-spool-${process.pid}-`))
    .flatMap((name) => readdirSync(join(tmpdir(), name)))
    .filter((name) => name !== "owner.json");

test("a picture of an event finds the event, alone and with a sentence; its address works again", async () => {
  const sent = await post(still, "image/jpeg");
  assert.is(sent.status, 200);
  const { picture, features, note } = (await sent.json()) as Record<string, string>;
  assert.equal([features, note], [1, undefined]);
  const { moments, examples } = await server.search({ like: `picture:${picture}` });
  const { start, end } = made[1].events[1];
  const [best] = moments;
  assert.is(basename(best.path), nameOf(1));
  assert.ok(best.start < end && best.end > start, `${best.start} to ${best.end}, not ${start} to ${end}`);
  assert.equal(examples, []);
  const both = await server.search({ q: STAR, like: `picture:${picture}` });
  assert.ok(Math.abs(both.moments[0].score) < Math.abs(best.score), "with a sentence, scores are on its scale");
  const shown = await server.get(`/api/pictures/${picture}`);
  assert.is(shown.headers.get("content-type"), "image/jpeg");
  assert.equal([...Buffer.from(await shown.arrayBuffer()).subarray(0, 2)], [0xff, 0xd8]);
  const again = (await (await post(still, "image/jpeg; charset=binary", {}, "?index=index")).json()) as {
    picture: string;
  };
  assert.is(again.picture, picture, "the same bytes have the same address");
  assert.equal(leftFiles(), []);
});

test("a clip is encoded like the videos of the index: its row is that of the first window", async () => {
  const sent = await post(Uint8Array.from(readFileSync(join(videos, nameOf(2)))), "video/mp4");
  const { picture, features } = (await sent.json()) as { picture: string; features: number };
  assert.is(features, 4, "as many seconds as a row of the index");
  const index = await FeatureIndex.open(join(root, "index"));
  const { spans, rows } = await index.rowsOf(join(videos, nameOf(2)));
  const length = rows.subarray(0, index.dim).reduce((sum, value) => sum + value * value, 0);
  index.dispose();
  const { moments } = await server.search({ like: `picture:${picture}`, merge: "false" });
  const own = moments.find(({ path, start }: { path: string; start: number }) => path.endsWith(nameOf(2)) && start === spans[0].start); // prettier-ignore
  assert.ok(Math.abs(own.score - length) < 0.01 * length, `${own.score} ${length}`);
});

test("a picture for one index is not the answer for another with the same model and other settings", async () => {
  const index = await FeatureIndex.open(join(root, "index"));
  const { text, settings } = index.manifest;
  const { dim } = index;
  index.dispose();
  (await FeatureIndex.create(join(root, "shorter"), { dim, text, settings: { ...settings, window: 2 } })).dispose();
  const both = await served([join(root, "index"), join(root, "shorter")]);
  const body = Uint8Array.from(readFileSync(join(videos, nameOf(2))));
  const sent: { picture: string; features: number }[] = [];
  for (const name of ["index", "shorter"]) {
    const request = { method: "POST", body, headers: { "content-type": "video/mp4" } };
    sent.push((await (await both.get(`/api/pictures?index=${name}`, request)).json()) as (typeof sent)[number]);
  }
  await both.close();
  assert.equal(sent.map(({ features }) => features), [4, 2]); // prettier-ignore
  assert.is.not(sent[0].picture, sent[1].picture);
});

test("what is no picture is refused by type, by its first bytes and by the decoder", async () => {
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"));
  const playlist = `#EXTM3U\n#EXTINF:1,\n${join(videos, nameOf(0))}\n#EXT-X-ENDLIST\n\0`;
  const half = still.slice(0, still.length / 8);
  const cases: [Uint8Array<ArrayBuffer>, string, number, RegExp][] = [
    [still, "", 415, /^the type of a picture must be one of image\/jpeg, /],
    [still, "text/html", 415, /must be one of/],
    [still, "image/svg+xml", 415, /must be one of/],
    [still, "__proto__", 415, /must be one of/],
    [still, "multipart/form-data; boundary=x", 415, /must be one of/],
    [still, "image/png", 415, /the bytes are not of the type/],
    [bytes(playlist), "video/mp4", 415, /the bytes are not of the type/],
    [bytes("<svg xmlns='http://www.w3.org/2000/svg'/>"), "image/png", 415, /the bytes are not of the type/],
    [bytes("\xff\xd8\xff"), "image/jpeg", 422, /^this file cannot be decoded/],
    [bytes(""), "image/jpeg", 400, /^the request has no body/],
    [bytes("\x00\x00\x00\x20ftypisom and nothing else"), "video/mp4", 422, /^this file cannot be decoded/],
    [half.fill(0xff, 20), "image/jpeg", 422, /^this file cannot be decoded/],
    [hugePng(), "image/png", 422, /more than 40 million pixels/],
  ];
  for (const [body, type, status, message] of cases) {
    const answer = await post(body, type);
    assert.is(answer.status, status, `${type} ${message}`);
    const text = await messageOf(answer);
    assert.match(text, message);
    assert.not.match(text, /tmp|spool/);
  }
  for (const query of ["?index=none", "?x=1", "?index=index&index=index"])
    assert.ok([400, 404].includes((await post(still, "image/jpeg", {}, query)).status), query);
  assert.equal(leftFiles(), []);
  assert.equal(server.log.filter(({ event }) => event === "error"), []); // prettier-ignore
});

/** A PNG of 8000 x 8000 black pixels in 8 KB. */
function hugePng(): Uint8Array<ArrayBuffer> {
  const chunk = (type: string, data: Buffer) => {
    const named = Buffer.concat([Buffer.from(type), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(8000, 0);
  header.writeUInt32BE(8000, 4);
  header[8] = 1;
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const pixels = chunk("IDAT", deflateSync(Buffer.alloc(8000 * 1001)));
  return Uint8Array.from(Buffer.concat([signature, chunk("IHDR", header), pixels, chunk("IEND", Buffer.alloc(0))]));
}

test("a body that is too long is refused before it is read, also without a length", async () => {
  const large = await rawRequest(
    port,
    requestText("POST /api/pictures", "Host: localhost", "Content-Type: image/jpeg", `Content-Length: ${MAX_BODY + 1}`),
  );
  assert.is(large.status, 413);
  assert.match(large.body.toString(), /a picture or clip may have 16 MiB at most/);
  let sent = 0;
  const endless = new ReadableStream({
    pull(controller) {
      const part = new Uint8Array(1 << 20);
      part.set([0xff, 0xd8, 0xff]);
      controller.enqueue(part);
      sent++;
      if (sent > 200) controller.close();
    },
  });
  const answer = await post(endless, "image/jpeg").then(
    ({ status }) => status,
    () => 413, // the server may close the connection before the client has read the answer
  );
  assert.is(answer, 413);
  assert.ok(sent < 100, `${sent} MiB were sent`);
  assert.equal(leftFiles(), []);
  assert.is((await server.get("/health")).status, 200);
});

test("a body that stops coming ends, and keeps nobody waiting", async () => {
  const head = requestText("POST /api/pictures", `Host: localhost:${port}`, "Content-Type: image/jpeg", "Content-Length: 5000"); // prettier-ignore
  const slow = Array.from({ length: 30 }, () => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(Buffer.concat([Buffer.from(head), still.subarray(0, 20)])),
    );
    socket.on("error", () => {});
    return socket;
  });
  await new Promise((done) => setTimeout(done, 300));
  assert.is((await server.search({ q: STAR })).moments.length > 0, true, "searches go on");
  for (const socket of slow) socket.destroy();
  for (let i = 0; i < 100 && leftFiles().length > 0; i++) await new Promise((done) => setTimeout(done, 100));
  assert.equal(leftFiles(), []);
  assert.is((await post(still, "image/jpeg")).status, 200);
  assert.equal(server.log.filter(({ event }) => event === "error"), []); // prettier-ignore
});

test("many pictures at once: some are refused, memory is bounded, and afterwards all is well", async () => {
  const each = Array.from({ length: 60 }, (_, i) => Uint8Array.from([...still, i]));
  const statuses = await Promise.all(each.map(async (body) => (await post(body, "image/jpeg")).status));
  assert.equal([...new Set(statuses)].filter((status) => ![200, 503].includes(status)), []); // prettier-ignore
  assert.ok(statuses.includes(200) && statuses.includes(503), String(statuses));
  assert.is((await post(still, "image/jpeg")).status, 200);
  const pictures = new Pictures(new TextEncoders({}));
  for (let i = 0; i < 2000; i++) {
    const vector = new Float32Array(8);
    pictures.kept.set(String(i), { space: "", vector, jpeg: new Uint8Array(5), features: 1 }, 100_000);
  }
  assert.ok(pictures.kept.size <= 500 && pictures.kept.bytes <= 32 << 20);
  assert.is(pictures.get("0"), undefined);
  pictures.dispose();
});

test("pages of other sites cannot send, other methods do nothing, and a token is needed where there is one", async () => {
  for (const headers of [["Origin: http://evil.example"], ["Sec-Fetch-Site: cross-site"], ["Origin: null"]]) {
    const request = requestText("POST /api/pictures", `Host: 127.0.0.1:${port}`, "Content-Length: 3", "Content-Type: image/jpeg", ...headers); // prettier-ignore
    assert.is((await rawRequest(port, `${request}abc`)).status, 403, String(headers));
  }
  assert.is(
    (await rawRequest(port, requestText("POST /api/pictures", "Host: evil.example", "Content-Length: 0"))).status,
    403,
  );
  for (const method of ["GET", "PUT", "OPTIONS", "DELETE"]) {
    const { status, head } = await rawRequest(port, requestText(`${method} /api/pictures`, `Host: localhost:${port}`));
    assert.is(status, 405, method);
    assert.match(head, /allow: post/);
  }
  for (const path of ["/api/search?q=a", "/api/pictures/x", "/api/stills/x?t=1", "/"])
    assert.is((await server.get(path, { method: "POST", body: "x" })).status, 405, path);
  const closed = await served([join(root, "index")], { token: "0123456789-abcdef_XYZ" });
  for (const path of ["/api/pictures/x", "/api/stills/x?t=1"]) assert.is((await closed.get(path)).status, 401, path);
  const without = await closed.get("/api/pictures", {
    method: "POST",
    body: still,
    headers: { "content-type": "image/jpeg" },
  });
  assert.is(without.status, 401);
  await closed.close();
});

test("an index whose model cannot see says why in a sentence", async () => {
  const blind = join(root, "blind");
  cpSync(SHAPES_MODEL, blind, { recursive: true });
  rmSync(join(blind, "video_model.safetensors"));
  const rows = await FeatureIndex.create(join(root, "rows"), { dim: 2 });
  await rows.append([{ video: "e.mp4", rows: Float32Array.of(1, 0), spans: [[0, 1]] }]);
  rows.dispose();
  const index = await FeatureIndex.open(join(root, "index"));
  const { settings, text } = index.manifest;
  index.dispose();
  const foreign = await FeatureIndex.create(join(root, "foreign"), {
    dim: 128,
    text,
    settings: { ...settings, features: { model: "x3d-s", output: "features", dim: 2048 } },
  });
  foreign.dispose();
  await writeIndex(join(root, "unsaid"), { "a.mp4": [[STAR, 0, 4]] });
  const cases: [string, string | undefined, RegExp][] = [
    ["index", blind, /the folder of the index's model has no video encoder \(video_model\.safetensors\)$/],
    ["rows", undefined, /the index has no model, only rows$/],
    [
      "foreign",
      undefined,
      /made with another video encoder: its features have model x3d-s, the video encoder of its model s3d-tiny$/,
    ],
  ];
  for (const [folder, model, message] of cases) {
    const other = await served([join(root, folder)], { model });
    const answer = await other.get("/api/pictures", {
      method: "POST",
      body: still,
      headers: { "content-type": "image/jpeg" },
    });
    assert.is(answer.status, 422, folder);
    assert.match(await messageOf(answer), message);
    await other.close();
  }
  const unsaid = await served([join(root, "unsaid")]);
  const noted = await unsaid.get("/api/pictures", {
    method: "POST",
    body: still,
    headers: { "content-type": "image/jpeg" },
  });
  const { picture, note } = (await noted.json()) as Record<string, string>;
  assert.is(note, "the index does not say which video encoder made its features");
  assert.is((await unsaid.search({ like: `picture:${picture}` })).moments.length, 1);
  await unsaid.close();
});

test.run();
