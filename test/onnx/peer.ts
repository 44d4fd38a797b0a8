// onnxruntime, if the peers of the benchmarks are installed, to compare the results of exported models.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";

export interface PeerTensor {
  dims: readonly number[];
  data: Float32Array | Uint8Array | Int32Array | Uint16Array;
}

interface Session {
  run(inputs: Record<string, PeerTensor>): Promise<Record<string, PeerTensor>>;
  release(): Promise<void>;
}

interface OnnxRuntime {
  InferenceSession: { create(model: Uint8Array, options: Record<string, unknown>): Promise<Session> };
  Tensor: new (type: string, data: PeerTensor["data"], dims: readonly number[]) => PeerTensor;
}

function load(): OnnxRuntime | string {
  const folder = createRequire(pathToFileURL(resolve("bench/package.json")));
  try {
    return folder("onnxruntime-node");
  } catch (error) {
    return (error as Error).message.split("\n")[0];
  }
}

const loaded = load();
/** The reason why it is missing, or undefined. */
export const missing = typeof loaded === "string" ? loaded : undefined;

const TYPES: Record<string, string> = {
  Float32Array: "float32",
  Uint8Array: "uint8",
  Int32Array: "int32",
  Uint16Array: "float16",
};

/** Runs a model once on one thread. */
export async function runPeer(
  model: Uint8Array,
  inputs: Record<string, { shape: readonly number[]; data: PeerTensor["data"] }>,
): Promise<Record<string, PeerTensor>> {
  const { InferenceSession, Tensor } = loaded as OnnxRuntime;
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  try {
    const feeds = Object.entries(inputs).map(
      ([name, { shape, data }]) => [name, new Tensor(TYPES[data.constructor.name], data, shape)] as const,
    );
    return await session.run(Object.fromEntries(feeds));
  } finally {
    await session.release();
  }
}
