// A headless Chromium that a test drives through its debugging pipe; nothing else is installed for that.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import type { Readable, Writable } from "node:stream";

const names = [process.env.CHROMIUM ?? "", "chromium", "chromium-browser", "google-chrome"].filter(Boolean);
/** The command of a Chromium of this machine. */
export const CHROMIUM = names.find((name) => spawnSync(name, ["--version"], { timeout: 60_000 }).status === 0);
/** What a test prints without one. */
export const NO_CHROMIUM = `none of ${names.join(", ")} is there (apt-get install chromium)`;

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Values = Record<string, any>;

/** A page in a running browser. */
export class BrowserPage {
  #child: ChildProcess;
  #next = 1;
  #answers = new Map<number, { resolve: (value: Values) => void; reject: (error: Error) => void }>();
  #session?: string;
  /** Messages of the console that are errors, and exceptions. */
  readonly errors: string[] = [];
  /** Addresses of all requests. */
  readonly requests: string[] = [];

  private constructor(folder: string) {
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"];
    const quiet = ["--no-first-run", "--disable-background-networking", "--autoplay-policy=no-user-gesture-required"];
    this.#child = spawn(CHROMIUM!, [...flags, ...quiet, `--user-data-dir=${folder}`, "about:blank"], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    let rest = "";
    (this.#child.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop()!;
      for (const message of messages) this.#receive(JSON.parse(message));
    });
  }

  /** Starts a browser with an empty page. @param folder for its data */
  static async open(folder: string): Promise<BrowserPage> {
    const page = new BrowserPage(folder);
    const { targetId } = await page.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await page.send("Target.attachToTarget", { targetId, flatten: true });
    page.#session = sessionId;
    for (const domain of ["Page", "Runtime", "Network", "Log"]) await page.send(`${domain}.enable`);
    return page;
  }

  #receive({ id, result, error, method, params }: Values): void {
    const waiting = this.#answers.get(id);
    this.#answers.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
    if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
    if (method === "Runtime.exceptionThrown") this.errors.push(JSON.stringify(params.exceptionDetails));
    if (method === "Log.entryAdded" && params.entry.level === "error") this.errors.push(JSON.stringify(params.entry));
    if (method === "Runtime.consoleAPICalled" && params.type === "error") this.errors.push(JSON.stringify(params.args));
  }

  /** A call of the DevTools protocol. */
  send(method: string, params: Values = {}): Promise<Values> {
    const id = this.#next++;
    const message = { id, method, params, ...(this.#session ? { sessionId: this.#session } : {}) };
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject });
      (this.#child.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    });
  }

  /** The value of an expression in the page; a promise is awaited. The type is up to the caller. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async evaluate(expression: string): Promise<any> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
    return result.value;
  }

  /** Waits until an expression in the page is true. */
  async until(expression: string, seconds = 30): Promise<void> {
    for (let i = 0; i < seconds * 20; i++) {
      if (await this.evaluate(`Boolean(${expression})`).catch(() => false)) return;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`not true after ${seconds} s: ${expression}; errors: ${this.errors.join("\n")}`);
  }

  async go(url: string): Promise<void> {
    await this.send("Page.navigate", { url });
    await this.until("document.readyState === 'complete'");
  }

  /** Presses a key, such as `Tab`, `Enter` or `a`. */
  async press(key: string, code = key): Promise<void> {
    const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
    const windowsVirtualKeyCode = { Tab: 9, Enter: 13, " ": 32 }[key] ?? key.toUpperCase().charCodeAt(0);
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", key, code, text, windowsVirtualKeyCode });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", key, code, windowsVirtualKeyCode });
  }

  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  /** A picture of the page as PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    return Buffer.from(data, "base64");
  }

  async close(): Promise<void> {
    const ended = new Promise((done) => this.#child.once("close", done));
    this.#child.kill("SIGKILL");
    await ended;
  }
}
