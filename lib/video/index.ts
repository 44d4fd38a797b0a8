import { checkFile } from "./file.js";
import { openWithNodeAv } from "./node_av.js";
import type { OpenVideoFunction } from "./types.js";

export const openVideo: OpenVideoFunction = async (path, options) => {
  const file = await checkFile(path);
  return openWithNodeAv(file, options);
};
