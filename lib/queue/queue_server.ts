import type * as BullMQ from "bullmq";
import { VideoClipError } from "../base/errors.js";

/** A server that holds queues: Redis (or one that speaks its protocol), or PostgreSQL. */
export interface QueueServer {
  bullmq: typeof BullMQ;
  /** Sentences about settings that are allowed but not advisable. */
  warnings: string[];
  /** Options or a client for one queue or worker. */
  connect(): never;
  /** The backend of BullMQ; undefined for Redis, its default. */
  backend: never;
  close(): Promise<void>;
}

/** Milliseconds in which a server must answer at the start. */
const PATIENCE = 5000;

/**
 * Connects to a server and checks its settings.
 * @throws VideoClipError `ERR_QUEUE`
 */
export async function openServer(url: string): Promise<QueueServer> {
  const scheme = /^([a-z]+):\/\//i.exec(url)?.[1].toLowerCase();
  if (scheme === "redis" || scheme === "rediss") return openRedis(url);
  if (scheme === "postgres" || scheme === "postgresql") return openPostgres(url);
  throw new VideoClipError(
    "ERR_QUEUE",
    `queue: expected an address redis://, rediss:// or postgres://, received ${withoutPassword(url)}`,
    { argument: "queue", received: withoutPassword(url) },
  );
}

/** An address without its password, for messages and files. */
export function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:@/]*):[^@/]*@/i, "$1@");
}

async function load<T>(name: string, url: string): Promise<T> {
  try {
    return (await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as T; // bundlers leave it alone
  } catch (cause) {
    const driver = url.startsWith("redis") ? "ioredis" : "pg";
    throw new VideoClipError(
      "ERR_QUEUE",
      `queue: the package ${name} is needed and cannot be loaded: npm install bullmq ${driver}`,
      { cause },
    );
  }
}

const unreachable = (url: string, reason: string, cause?: unknown): VideoClipError =>
  new VideoClipError("ERR_QUEUE", `queue: ${withoutPassword(url)} cannot be used: ${reason}`, { cause });

/** The result of work, or an error when it takes too long. */
async function inTime<T>(url: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE / 1000} s`)), PATIENCE);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    if (error instanceof VideoClipError) throw error;
    throw unreachable(url, reasonOf(error), error);
  } finally {
    clearTimeout(timer);
  }
}

/** Node reports several addresses of one host as an error without a message. */
function reasonOf(error: unknown): string {
  const { message, errors, code } = error as Error & { errors?: Error[]; code?: string };
  return message || errors?.[0]?.message || code || String(error);
}

interface RedisClient {
  connect(): Promise<void>;
  info(section: string): Promise<string>;
  disconnect(): void;
  on(event: "error", listener: (error: Error) => void): void;
}
type RedisClass = new (url: string, options: object) => RedisClient;

async function openRedis(url: string): Promise<QueueServer> {
  const bullmq = await load<typeof BullMQ>("bullmq", url);
  const { Redis } = await load<{ Redis: RedisClass }>("ioredis", url);
  const warnings: string[] = [];
  let fault: Error | undefined;
  const probe = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: null });
  probe.on("error", (error) => (fault = error));
  try {
    const info = await inTime(
      url,
      probe
        .connect()
        .catch((error: unknown) => Promise.reject(fault ?? error))
        .then(async () => `${await probe.info("memory")}\n${await probe.info("persistence")}`),
    );
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    if (policy !== undefined && policy !== "noeviction") {
      throw unreachable(url, `its maxmemory-policy is ${policy}, which drops jobs: set it to noeviction`);
    }
    if (/^aof_enabled:0/m.exec(info)) {
      warnings.push(
        `${withoutPassword(url)} has appendonly no: after a crash of the server jobs are missing until they are added again from the results, which workers do by themselves`,
      );
    }
  } finally {
    probe.disconnect();
  }
  const clients: RedisClient[] = [];
  const connect = () => {
    const client = new Redis(url, { maxRetriesPerRequest: null, connectTimeout: PATIENCE });
    client.on("error", () => {}); // BullMQ reports it
    clients.push(client);
    return client as never;
  };
  const close = async () => clients.forEach((client) => client.disconnect());
  return { bullmq, warnings, connect, backend: undefined as never, close };
}

interface PostgresClient {
  connect(): Promise<void>;
  end(): Promise<void>;
}
type PostgresClass = new (options: object) => PostgresClient;

async function openPostgres(url: string): Promise<QueueServer> {
  const bullmq = await load<typeof BullMQ>("bullmq", url);
  const loaded = await load<{ default?: { Client: PostgresClass } }>("pg", url);
  const { Client } = loaded.default ?? (loaded as unknown as { Client: PostgresClass });
  const probe = new Client({ connectionString: url, connectionTimeoutMillis: PATIENCE });
  try {
    await inTime(url, probe.connect());
  } finally {
    await probe.end().catch(() => {});
  }
  const connect = () => ({ connectionString: url, migrate: true, keepAlive: true }) as never;
  return { bullmq, warnings: [], connect, backend: bullmq.createPostgresBackend as never, close: async () => {} };
}
