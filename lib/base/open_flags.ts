import { constants } from "node:fs";

/** Flags that open a file for reading. They also open a named pipe at once, where plain `"r"` waits for a writer. */
export const TO_READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
