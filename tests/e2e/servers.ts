// authstated and authstatectl as they are built, each a process of its own.
import { type ChildProcess, execFile } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { BINARIES, end, freePort, start, START_TIMEOUT_MS, tailOf, TestFolder } from "./processes.ts";
import type { CreateStore, StoreServer } from "./stores.ts";

// Runs authstatectl, and resolves with its standard output.
export async function runControl(...args: string[]): Promise<string> {
  return (await promisify(execFile)(join(BINARIES, "authstatectl"), args)).stdout;
}

export const AUTHSTATED = join(BINARIES, "authstated");

export class Authstated {
  readonly #options: string[];
  readonly #command: string[];
  #child: ChildProcess | undefined;
  #port: number;
  #log: () => string = () => "";

  // On a free port unless one is given. `command` is the program with the words before its options.
  constructor(storeOptions: string[], port = 0, command: string[] = [AUTHSTATED]) {
    this.#options = storeOptions;
    this.#port = port;
    this.#command = command;
  }

  // One of several servers of a store.
  static async oneOf(store: StoreServer, server: number): Promise<Authstated> {
    if (store.optionsOf === undefined) return new Authstated(store.options);
    const port = await freePort();
    return new Authstated(store.optionsOf(server, `127.0.0.1:${port}`), port);
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  // Resolves when it serves, on the port of before when it was started before.
  async start(): Promise<void> {
    const [program, ...words] = this.#command;
    const child = start(program!, [
      ...words,
      "--listen",
      this.address,
      ...(this.#options.includes("--http-listen") ? [] : ["--http-listen=off"]),
      ...this.#options,
    ]);
    this.#child = child;
    const log = tailOf(child.stderr);
    this.#log = log;
    this.#port = await new Promise<number>((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error(`no ready line:\n${log()}`)), START_TIMEOUT_MS);
      const fail = (why: string): void => {
        clearTimeout(timeout);
        reject(new Error(why));
      };
      child.once("error", (error) => fail(`${error.message}: build it, or set AUTHSTATE_BIN_DIR`));
      child.once("exit", (code) => fail(`authstated ended with ${code}:\n${log()}`));
      createInterface(child.stdout!).on("line", (line) => {
        const port = /^authstated ready on [^ ]*:(\d+), backend /.exec(line)?.[1];
        if (port === undefined) return;
        clearTimeout(timeout);
        resolve(Number(port));
      });
    });
  }

  // The end of its log, since it was started last.
  get log(): string {
    return this.#log();
  }

  // Ends it by SIGKILL, so that nothing is flushed and nobody is told.
  async crash(): Promise<void> {
    await end(this.#child, "SIGKILL");
  }

  // Ends it as an operator would, and resolves with its exit code.
  async stop(): Promise<number | null> {
    await end(this.#child, "SIGTERM");
    return this.#child?.exitCode ?? null;
  }

  // Runs authstatectl on it, and resolves with its standard output.
  control(...args: string[]): Promise<string> {
    return runControl("--address", this.address, ...args);
  }

  // The same for one that may fail.
  async tryControl(...args: string[]): Promise<{ code: number; stdout: string }> {
    try {
      return { code: 0, stdout: await this.control(...args) };
    } catch (error) {
      const { code, stdout } = error as { code: number; stdout: string };
      return { code, stdout };
    }
  }
}

// Runs `work` with `count` servers that serve one store, and ends them afterwards.
export async function withServers(
  createStore: CreateStore,
  count: number,
  work: (...servers: Authstated[]) => Promise<void>,
): Promise<void> {
  const folder = new TestFolder();
  const store = await createStore(folder);
  const servers = await Promise.all(Array.from({ length: count }, (_, server) => Authstated.oneOf(store, server)));
  try {
    await store.start();
    for (const server of servers) await server.start();
    await work(...servers);
  } finally {
    await Promise.all(servers.map((server) => server.crash()));
    await store.stop();
    folder.remove();
  }
}
