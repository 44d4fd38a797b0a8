import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { type ByteRange, byteRange } from "./byte_range.js";
import type { VideoFile } from "./video_files.js";

/** The headers of a request for a video. */
export interface VideoRequest {
  method: string;
  range?: string | undefined;
  ifRange?: string | undefined;
  ifNoneMatch?: string | undefined;
}

/** Answers with a video or a part of it. Closes the file when the body was sent or the client has gone. */
export async function videoResponse(file: VideoFile, request: VideoRequest): Promise<Response> {
  const { handle, facts, type } = file;
  const tag = `"${facts.size.toString(16)}-${Math.round(facts.mtimeMs).toString(16)}"`;
  const headers = new Headers({
    "Cache-Control": "private, no-cache",
    "Content-Type": type,
    ETag: tag,
    "Last-Modified": facts.mtime.toUTCString(),
  });
  const { status, range } = partFor(request, tag, facts.size, headers);
  if (range === undefined) {
    await handle.close();
    return new Response(null, { status, headers });
  }
  const stream = createReadStream("", { fd: handle, start: range.first, end: range.last, autoClose: true });
  return new Response(Readable.toWeb(stream) as ReadableStream<Uint8Array>, { status, headers });
}

/** Answers with bytes in memory or a part of them. @param headers with the entity tag */
export function bytesResponse(bytes: Uint8Array<ArrayBuffer>, headers: Headers, request: VideoRequest): Response {
  const { status, range } = partFor(request, headers.get("ETag")!, bytes.length, headers);
  return new Response(range && bytes.subarray(range.first, range.last + 1), { status, headers });
}

/** The status of an answer, and the bytes that its body has; sets the headers of both. */
function partFor(request: VideoRequest, tag: string, size: number, headers: Headers): Part {
  headers.set("Accept-Ranges", "bytes");
  if (request.ifNoneMatch === tag) return { status: 304, range: undefined };
  const asked = request.ifRange === undefined || request.ifRange === tag ? byteRange(request.range, size) : undefined;
  if (asked === "none") {
    headers.set("Content-Range", `bytes */${size}`);
    return { status: 416, range: undefined };
  }
  const range = asked ?? { first: 0, last: size - 1 };
  headers.set("Content-Length", String(range.last - range.first + 1));
  if (asked) headers.set("Content-Range", `bytes ${range.first}-${range.last}/${size}`);
  const isEmpty = request.method === "HEAD" || size === 0;
  return { status: asked ? 206 : 200, range: isEmpty ? undefined : range };
}

interface Part {
  status: number;
  range: ByteRange | undefined;
}
