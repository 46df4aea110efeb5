/** A headless Chromium, spoken to through a pipe: no package is needed, and nothing where none is installed. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const names = ["chromium", "chromium-browser", "google-chrome"];

/** The command of a Chromium on this machine; `undefined` where there is none. */
export const chromium = names.find((name) => spawnSync(name, ["--version"]).status === 0);

const flags =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --remote-debugging-pipe";

/** How often it is tried to remove a profile. */
const ATTEMPTS = 50;

/** A message of the DevTools protocol. */
interface Message {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** One page of a browser. */
export class Page {
  private readonly process: ChildProcess;
  private readonly profile: string;
  private readonly waiting = new Map<number, (message: Message) => void>();
  private session: string | undefined;
  private sent = 0;

  private constructor(command: string, width: number, height: number) {
    this.profile = mkdtempSync(join(tmpdir(), "chromium-"));
    const args = [...flags.split(" "), `--window-size=${width},${height}`, `--user-data-dir=${this.profile}`];
    this.process = spawn(command, args, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    let rest = "";
    (this.process.stdio[4] as Readable).setEncoding("utf8").on("data", (data: string) => {
      const messages = (rest + data).split("\0");
      rest = messages.pop()!;
      for (const message of messages.map((text) => JSON.parse(text) as Message))
        this.waiting.get(message.id!)?.(message);
    });
  }

  /** Starts a browser with an empty page of this size. */
  static async open(command: string, width = 1000, height = 800): Promise<Page> {
    const page = new Page(command, width, height);
    const { targetId } = await page.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await page.send("Target.attachToTarget", { targetId, flatten: true });
    page.session = sessionId as string;
    return page;
  }

  /** A command of the protocol, of the page once there is one. */
  private send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.sent;
    const session = this.session === undefined ? {} : { sessionId: this.session };
    return new Promise((resolve, reject) => {
      this.waiting.set(id, ({ result, error }) => {
        this.waiting.delete(id);
        if (error === undefined) resolve(result!);
        else reject(new Error(`${method}: ${error.message}`));
      });
      (this.process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    });
  }

  async goto(url: string): Promise<void> {
    await this.send("Page.navigate", { url });
  }

  /** The value of an expression in the page; a promise is awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    const { result, exceptionDetails } = answer as {
      result: { value: T };
      exceptionDetails?: { exception?: { description?: string }; text: string };
    };
    if (exceptionDetails === undefined) return result.value;
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }

  /** Waits until an expression is true in the page. */
  async until(expression: string): Promise<void> {
    while (!(await this.evaluate<boolean>(`Boolean(${expression})`))) await new Promise((done) => setTimeout(done, 50));
  }

  /** Shows the page as to a reader who likes this colour scheme. */
  async colourScheme(value: "light" | "dark"): Promise<void> {
    await this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
  }

  /** Saves what is seen of the page as a PNG file. */
  async screenshot(path: string): Promise<void> {
    const { data } = await this.send("Page.captureScreenshot", { captureBeyondViewport: true });
    writeFileSync(path, Buffer.from(data as string, "base64"));
  }

  /** Ends the browser. */
  async close(): Promise<void> {
    const ended = new Promise((done) => this.process.once("exit", done));
    this.process.kill();
    await ended;
    await this.removeProfile();
  }

  /** The browser's children may go on writing for a moment, also into folders that were just emptied, so each attempt looks anew. */
  private async removeProfile(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return rmSync(this.profile, { recursive: true, force: true });
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        await new Promise((done) => setTimeout(done, 100));
      }
    }
  }
}
