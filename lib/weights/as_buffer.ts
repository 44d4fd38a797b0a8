/** The same bytes as a Buffer. Public declarations use Uint8Array, which needs no types of Node.js. */
export const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
