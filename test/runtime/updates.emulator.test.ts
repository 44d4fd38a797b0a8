import { suite } from "uvu";
import { updateTests } from "./updates.js";

const test = suite("updates on the emulator");
updateTests(test, "cuda-emulated");
test.run();
