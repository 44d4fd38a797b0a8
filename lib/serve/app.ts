import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { routePath } from "hono/route";
import type { IndexesAnswer } from "./answers.js";
import type { Gate } from "./gate.js";
import { COOKIE, type Guard } from "./guard.js";
import type { Gauge, Metrics } from "./metrics.js";
import { openApi } from "./openapi.js";
import { pageFile } from "./page_files.js";
import { readPreview, readSearch, readSeconds } from "./parameters.js";
import { MAX_BODY, type Pictures, tooLarge } from "./pictures.js";
import { PREVIEW_SECONDS, type Previews } from "./previews.js";
import { RequestError } from "./request_error.js";
import type { SearchService } from "./search_service.js";
import { spaceOf } from "./text_encoders.js";
import { madeTag, type Stills } from "./stills.js";
import { withTimeLimit } from "./time_limit.js";
import type { VideoFile, VideoFiles } from "./video_files.js";
import { bytesResponse, type VideoRequest, videoResponse } from "./video_response.js";

export interface AppParts {
  service: SearchService;
  videos: VideoFiles;
  stills: Stills;
  previews: Previews;
  pictures: Pictures;
  guard: Guard;
  gate: Gate;
  metrics: Metrics;
  /** Milliseconds after which a search is given up. */
  timeout: number;
  /** Writes one event of the log. */
  log: (event: Record<string, unknown>) => void;
}

/** Requests and responses of `node:http`. */
type Env = { Bindings: HttpBindings };

/** The routes of the server, without the server: `fetch` answers one request. */
export function createApp(parts: AppParts): Hono<Env> {
  const { service, videos, stills, previews, pictures, guard, gate, metrics, timeout, log } = parts;
  const app = new Hono<Env>();

  app.use(async (c, next) => {
    const started = performance.now();
    await next();
    const matched = routePath(c, -1);
    const route = matched === "*" || matched === "/*" ? "other" : matched;
    const seconds = (performance.now() - started) / 1000;
    metrics.request(route, c.req.method, c.res.status, seconds);
    // the query stays out of the log: it says what somebody looks for, and may have the token
    const ms = Number((seconds * 1000).toFixed(1));
    log({ event: "request", method: c.req.method, path: c.req.path.slice(0, 200), status: c.res.status, ms });
  });

  app.use(async (c, next) => {
    const sends = c.req.path === "/api/pictures";
    const { headersDistinct } = c.env.incoming; // two values of a header stay two, and so are no name of this server
    const request = { method: c.req.method, sends, header: (name: string) => headersDistinct[name]?.join(", ") };
    guard.check(request);
    if (c.req.path === "/health") return next();
    if (c.req.path !== "/") guard.checkOrigin(request);
    else if (c.req.query("token") !== undefined) return next(); // the page's route checks it and sets the cookie
    guard.checkToken(request);
    return next();
  });

  /** The open file of a video, which the caller closes. @throws RequestError 404 */
  const fileOf = async (id: string): Promise<VideoFile> => {
    const found = await service.video(id);
    if (!found) throw new RequestError(404, "no index has a video with this id");
    const file = await videos.open(found.name, () => found.served.current.videos());
    if (!file) throw new RequestError(404, "the file of this video is not where the index says: see --videos");
    return file;
  };

  app.get("/health", (c) => c.json({ status: "ok" }, 200, { "Cache-Control": "no-store" }));
  app.get("/openapi.json", (c) => c.json(openApi()));
  app.get("/metrics", (c) => c.text(metrics.text(gauges(parts)), 200, { "Content-Type": "text/plain; version=0.0.4" }));

  app.get("/api/indexes", async (c) => {
    await Promise.all(service.indexes.map((index) => index.refresh()));
    return c.json(describe(service, await previews.formats()), 200, { "Cache-Control": "no-store" });
  });

  app.get("/api/search", async (c) => {
    const parameters = readSearch(new URL(c.req.url).searchParams);
    const found = await withTimeLimit(c.env.outgoing, timeout, (signal) =>
      gate.run(() => service.search(parameters, signal), signal),
    );
    return sendJson(c, found);
  });

  app.post("/api/pictures", async (c) => {
    const query = new URL(c.req.url).searchParams;
    const names = query.getAll("index");
    const other = [...query.keys()].find((key) => key !== "index");
    if (other !== undefined || names.length > 1)
      throw new RequestError(400, "only index is a parameter here, and it is given once at most");
    const length = Number(c.req.header("content-length") ?? 0);
    if (length > MAX_BODY) throw new RequestError(413, tooLarge, { Connection: "close" });
    const type = (c.req.header("content-type") ?? "").split(";")[0].trim().toLowerCase();
    const index = service.named(names[0]);
    const added = await withTimeLimit(c.env.outgoing, timeout, (signal) =>
      pictures.add(index, type, c.req.raw.body, signal),
    );
    return c.json(added, 200, { "Cache-Control": "no-store" });
  });

  app.get("/api/pictures/:id", (c) => {
    const picture = pictures.get(c.req.param("id"));
    if (!picture) throw new RequestError(404, "this picture is not known any more: send it again");
    return c.body(picture.jpeg, 200, { "Content-Type": "image/jpeg", "Cache-Control": "private, max-age=600" });
  });

  app.get("/api/stills/:id", async (c) => {
    const seconds = readSeconds(new URL(c.req.url).searchParams);
    const file = await fileOf(c.req.param("id"));
    try {
      const tag = madeTag(file, seconds);
      const headers = { "Cache-Control": "private, max-age=600", ETag: tag };
      if (c.req.header("if-none-match") === tag) return c.body(null, 304, headers);
      const jpeg = await withTimeLimit(c.env.outgoing, timeout, (signal) => stills.still(file, seconds, signal));
      return c.body(jpeg, 200, { ...headers, "Content-Type": "image/jpeg" });
    } finally {
      await file.handle.close();
    }
  });

  app.get("/api/previews/:id", async (c) => {
    const { seconds, format } = readPreview(new URL(c.req.url).searchParams);
    const maker = await previews.maker(format);
    const file = await fileOf(c.req.param("id"));
    try {
      const tag = madeTag(file, seconds, maker.format);
      const request = videoRequest(c.req);
      const headers = new Headers({ "Cache-Control": "private, max-age=600", ETag: tag });
      if (request.ifNoneMatch === tag) return new Response(null, { status: 304, headers });
      headers.set("Content-Type", `video/${maker.format}`);
      return bytesResponse(await previews.preview(file, seconds, maker, c.req.raw.signal), headers, request);
    } finally {
      await file.handle.close();
    }
  });

  app.get("/videos/:id", async (c) => videoResponse(await fileOf(c.req.param("id")), videoRequest(c.req)));

  app.get("/", (c) => {
    const token = c.req.query("token");
    if (token === undefined) return pageFile("/")!;
    if (!guard.isToken(token)) throw new RequestError(401, "this is not the token of this server");
    // the token goes from the address, which is shared and kept, into a cookie that no script can read
    const cookie = `${COOKIE}=${encodeURIComponent(token)}; Path=/; HttpOnly; SameSite=Lax`;
    return c.body(null, 303, { Location: "/", ...(guard.needsToken ? { "Set-Cookie": cookie } : {}) });
  });

  app.get("/page/*", (c) => {
    const file = pageFile(c.req.path);
    if (!file) throw new RequestError(404, "there is nothing here");
    return file;
  });

  app.notFound((c) => c.json(problem(404, "there is nothing here: see /openapi.json"), 404));
  app.onError((error) => {
    const known = toRequestError(error);
    if (!(error instanceof RequestError) && known.status === 500)
      log({ event: "error", message: error.stack ?? String(error) });
    return Response.json(problem(known.status, known.message), {
      status: known.status,
      headers: { ...known.headers, "Cache-Control": "no-store" },
    });
  });
  return app;
}

/** Sends an answer without an object of `Response`, whose body would go through streams: 32 clients notice it. */
function sendJson({ env: { outgoing } }: Context<Env>, value: unknown): Response {
  const text = JSON.stringify(value);
  outgoing.writeHead(200, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
    "Cache-Control": "no-store",
  });
  outgoing.end(text);
  return RESPONSE_ALREADY_SENT;
}

/** The headers that say which part of a video is asked for. */
function videoRequest(request: { method: string; header(name: string): string | undefined }): VideoRequest {
  const [range, ifRange, ifNoneMatch] = ["range", "if-range", "if-none-match"].map((name) => request.header(name));
  return { method: request.method, range, ifRange, ifNoneMatch };
}

/** What a client learns of an error: nothing of the machine. */
function toRequestError(error: Error): RequestError {
  if (error instanceof RequestError) return error;
  const late = error.name === "TimeoutError" || error.name === "AbortError";
  if (late) return new RequestError(503, "this took too long and was given up", { "Retry-After": "1" });
  return new RequestError(500, "the server failed; its log has the reason");
}

const problem = (status: number, message: string) => ({ error: { code: CODES[status] ?? "failed", message } });
const CODES: Record<number, string> = {
  400: "bad_request",
  401: "token_needed",
  403: "forbidden",
  404: "not_found",
  405: "method_not_allowed",
  413: "body_not_allowed",
  415: "unknown_type",
  422: "not_decoded",
  503: "busy",
};

function describe({ indexes, fields }: SearchService, formats: string[]): IndexesAnswer {
  const spaces = [...new Set(indexes.map(({ current }) => spaceOf(current)))];
  return {
    fields: [...fields.names],
    previews: { formats, seconds: PREVIEW_SECONDS },
    indexes: indexes.map(({ name, current, readAt, writing, problem: trouble }) => ({
      name,
      videos: current.manifest.videos,
      rows: current.size,
      dim: current.dim,
      text: current.text !== null,
      model: `model ${spaces.indexOf(spaceOf(current)) + 1}`,
      updatedAt: current.manifest.updatedAt,
      readAt: readAt.toISOString(),
      writing,
      ...(trouble ? { problem: trouble } : {}),
    })),
  };
}

function gauges({ service, gate, stills, previews, pictures }: AppParts): Gauge[] {
  const ofIndexes = (value: (index: SearchService["indexes"][number]) => number) => () =>
    service.indexes.map((index) => ({ labels: { index: index.name }, value: value(index) }));
  return [
    { name: "videoclip_index_rows", help: "Rows of an index.", values: ofIndexes(({ current }) => current.size) },
    {
      name: "videoclip_index_videos",
      help: "Videos of an index.",
      values: ofIndexes(({ current }) => current.manifest.videos),
    },
    {
      name: "videoclip_index_stale",
      help: "1 while the newest files of an index cannot be opened.",
      values: ofIndexes(({ problem: trouble }) => Number(trouble !== undefined)),
    },
    { name: "videoclip_searches_running", help: "Searches that run.", values: () => [{ value: gate.running }] },
    { name: "videoclip_searches_waiting", help: "Searches that wait.", values: () => [{ value: gate.waiting }] },
    { name: "videoclip_stills_waiting", help: "Stills that wait.", values: () => [{ value: stills.gate.waiting }] },
    { name: "videoclip_stills_kept", help: "Stills in memory.", values: () => [{ value: stills.kept.size }] },
    {
      name: "videoclip_stills_kept_bytes",
      help: "Bytes of the stills in memory.",
      values: () => [{ value: stills.kept.bytes }],
    },
    {
      name: "videoclip_previews_running",
      help: "Previews that are made.",
      values: () => [{ value: previews.gate.running }],
    },
    {
      name: "videoclip_previews_waiting",
      help: "Previews that wait.",
      values: () => [{ value: previews.gate.waiting }],
    },
    { name: "videoclip_previews_kept", help: "Previews in memory.", values: () => [{ value: previews.kept.size }] },
    {
      name: "videoclip_previews_kept_bytes",
      help: "Bytes of the previews in memory.",
      values: () => [{ value: previews.kept.bytes }],
    },
    {
      name: "videoclip_pictures_kept",
      help: "Pictures that searches can name.",
      values: () => [{ value: pictures.kept.size }],
    },
  ];
}
