import { connect } from "node:net";

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  status: number;
  /** Headers in lower case. */
  head: string;
  body: Buffer;
}

/** Sends bytes as they are to a server of this machine, and reads until it closes the connection. */
export function rawRequest(port: number, bytes: string | Buffer, timeout = 30_000): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const late = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end of the answer after ${timeout} ms to ${JSON.stringify(String(bytes).slice(0, 300))}`));
    }, timeout);
    socket.on("data", (part) => parts.push(part));
    socket.on("error", () => {}); // a server may reset the connection; `close` follows
    socket.on("close", () => {
      clearTimeout(late);
      const all = Buffer.concat(parts);
      const end = all.indexOf("\r\n\r\n");
      const head = all.toString("latin1", 0, end < 0 ? all.length : end).toLowerCase();
      const status = Number(/^http\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
      resolve({ status, head, body: end < 0 ? Buffer.alloc(0) : all.subarray(end + 4) });
    });
  });
}

/** A request with these lines after the first one. The server closes the connection after its answer. */
export const requestText = (line: string, ...headers: string[]): string =>
  `${[`${line} HTTP/1.1`, ...headers, "Connection: close"].join("\r\n")}\r\n\r\n`;
