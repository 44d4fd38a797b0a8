/** A name of the DOM library that the types of typed-array-utils use. */
type BufferSource = ArrayBufferView | ArrayBuffer;
