/* global Response */
import { conv3d } from "videoclip/ops";

export const dynamic = "force-dynamic";

/** Answers "conv3d 27", or the message of the error. */
export async function GET() {
  const ones = (...shape) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b)).fill(1) });
  try {
    const y = await conv3d(ones(1, 3, 3, 3, 1), ones(1, 1, 3, 3, 3));
    return new Response(`conv3d ${y.data.join()}`);
  } catch (error) {
    return new Response(error.message);
  }
}
