import type { SearchServer, ServeOptions } from "./serve_options.js";

/**
 * Serves a page and a JSON API that search indexes, and plays their videos. It reads only. The models and indexes stay
 * open; an index whose files change is opened again.
 * @param folders of indexes, as `indexFeatures` writes them
 * @throws InvalidArgumentError for a missing index, a taken port, or an address that needs a token; IndexError
 */
export async function serveIndexes(folders: readonly string[], options: ServeOptions = {}): Promise<SearchServer> {
  // the packages of the server are loaded by those who serve
  const { startServer } = await import("./server.js");
  return startServer(folders, options);
}
