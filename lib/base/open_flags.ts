import { constants } from "node:fs";

/** Flags that open a file for reading; a named pipe is opened at once too, where plain `"r"` waits for somebody to write to it. */
export const TO_READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
