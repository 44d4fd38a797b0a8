import { existsSync, realpathSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { basename, join, resolve } from "node:path";
import { getRequestListener } from "@hono/node-server";
import { InvalidArgumentError } from "../base/errors.js";
import { MANIFEST } from "../features/index_format.js";
import { createApp } from "./app.js";
import { Gate } from "./gate.js";
import { Guard, isLocal, SAFE_HEADERS } from "./guard.js";
import { Metrics } from "./metrics.js";
import { Pictures } from "./pictures.js";
import { Previews } from "./previews.js";
import { SearchService } from "./search_service.js";
import { ServedIndex } from "./served_index.js";
import { Stills } from "./stills.js";
import { TextEncoders } from "./text_encoders.js";
import type { SearchServer, ServeOptions } from "./serve_options.js";
import { VideoFields } from "./video_fields.js";
import { VideoFiles } from "./video_files.js";

/** Characters of a token: shorter ones can be guessed. */
const MIN_TOKEN = 16;

/** Opens the indexes and their models, and listens. */
export async function startServer(folders: readonly string[], options: ServeOptions): Promise<SearchServer> {
  const { host = "127.0.0.1", port = 8420, token, threads, log = () => {}, signal } = options;
  checkToken(host, token);
  const roots = (options.videos ?? []).map(existingFolder);
  const names = namesOf(folders);
  const fields = new VideoFields(options.features ?? []);
  const metrics = new Metrics();
  const { model: path, tokenizer, words } = options;
  const encoders = new TextEncoders({ path, tokenizer, words, threads, signal });
  const pictures = new Pictures(encoders);
  const previews = options.previews === false ? new Previews(null) : new Previews();
  const indexes: ServedIndex[] = [];
  const dispose = () => {
    for (const index of indexes) index.dispose();
    pictures.dispose();
    previews.dispose();
    encoders.dispose();
  };
  try {
    const onReload = (index: string, error: unknown) => {
      metrics.reload(error === undefined);
      log({ event: "reload", index, ...(error === undefined ? {} : { message: (error as Error).message }) });
    };
    for (const [i, folder] of folders.entries()) {
      // a changed index answers before it is measured
      const onChange = async (index: Parameters<TextEncoders["open"]>[0]) => void (await encoders.open(index));
      indexes.push(await ServedIndex.open(names[i], folder, { threads, onChange, onReload }));
      await (
        await encoders.open(indexes[i].current)
      ).measured;
      signal?.throwIfAborted();
    }
    const guard = new Guard({ host, token, allowedHosts: options.allowedHosts });
    const { parallel = 32, waiting = 64, timeout = 30 } = options;
    const app = createApp({
      service: new SearchService(indexes, { encoders, pictures }, fields),
      videos: new VideoFiles(roots),
      stills: new Stills(),
      previews,
      pictures,
      guard,
      gate: new Gate(parallel, waiting),
      metrics,
      timeout: timeout * 1000,
      log,
    });
    const server = safeServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
    await listen(server, host, port);
    void previews.formats(); // so that the first page does not wait for the answer
    const actual = (server.address() as AddressInfo).port;
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${actual}/`;
    log({ event: "listening", url, indexes: names });
    return {
      url,
      close: async () => {
        const closed = new Promise((done) => server.close(done));
        server.closeAllConnections();
        await closed;
        dispose();
      },
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

function checkToken(host: string, token: string | undefined): void {
  if (token !== undefined && (token.length < MIN_TOKEN || !/^[\x21-\x7e]+$/.test(token))) {
    throw new InvalidArgumentError(
      `token: expected at least ${MIN_TOKEN} letters, digits and signs without spaces, received ${token.length} characters`,
      { argument: "token" },
    );
  }
  if (token === undefined && !isLocal(host)) {
    throw new InvalidArgumentError(
      `host: ${host} can be reached from other machines, so it needs a --token of at least ${MIN_TOKEN} characters`,
      { argument: "host", received: host },
    );
  }
}

/** Names of indexes: those of their folders, with a number where two are equal. */
function namesOf(folders: readonly string[]): string[] {
  if (folders.length === 0) throw new InvalidArgumentError("index: expected at least one", { argument: "index" });
  const used = new Map<string, string>();
  return folders.map((folder) => {
    if (!existsSync(join(folder, MANIFEST))) {
      const message = `index: ${folder} is not an index: it has no ${MANIFEST}; videoclip index makes one`;
      throw new InvalidArgumentError(message, { argument: "index", received: folder });
    }
    const real = realpathSync(folder);
    if ([...used.values()].includes(real))
      throw new InvalidArgumentError(`index: ${folder} is given twice`, { argument: "index", received: folder });
    const base = basename(resolve(folder)) || "index";
    let name = base;
    for (let i = 2; used.has(name); i++) name = `${base}-${i}`;
    used.set(name, real);
    return name;
  });
}

function existingFolder(folder: string): string {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return realpathSync(folder);
  throw new InvalidArgumentError(`videos: ${folder} is not a folder`, { argument: "videos", received: folder });
}

/** A server on which slow or silent clients hold nothing for long. */
function safeServer(listener: ReturnType<typeof getRequestListener>): Server {
  const server = createServer(
    { maxHeaderSize: 16 << 10, headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 2000 },
    (request, response) => {
      for (const [name, value] of Object.entries(SAFE_HEADERS)) response.setHeader(name, value);
      void listener(request, response);
    },
  );
  server.maxConnections = 256;
  server.keepAliveTimeout = 10_000;
  // a paused player stops reading; it asks for the rest again
  server.setTimeout(120_000, (socket: Socket) => socket.destroy());
  return server;
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    await new Promise<void>((done, failed) => {
      server.once("error", failed);
      server.listen(port, host, () => {
        server.off("error", failed);
        done();
      });
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      EADDRINUSE: `port: ${port} of ${host} is taken by another program: choose another one with --port`,
      EACCES: `port: this user may not open ${port}: choose one above 1023 with --port`,
      EADDRNOTAVAIL: `host: ${host} is no address of this machine`,
      ENOTFOUND: `host: ${host} is no address of this machine`,
    };
    const message = reasons[code ?? ""] ?? `host: cannot listen on ${host}, port ${port} (${code})`;
    throw new InvalidArgumentError(message, { argument: message.split(":")[0], cause });
  }
}
