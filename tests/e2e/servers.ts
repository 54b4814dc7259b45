// The servers that a test runs against, each a process of its own on a port and in a folder of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const BINARIES = process.env["AUTHSTATE_BIN_DIR"] ?? join(REPOSITORY, "build/bin");
const SERVE_POSTGRES = join(REPOSITORY, "tests/support/serve_postgres.sh");
const START_TIMEOUT_MS = 60_000;
const CONNECT_INTERVAL_MS = 20;

// Whatever still runs when the test process ends is ended with it, also after a failed test.
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

function start(command: string, args: string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  probe.close();
  await once(probe, "close");
  return address.port;
}

export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), "authstate-e2e-"));

  constructor() {
    // PostgreSQL, which does not run as root, has to get in.
    chmodSync(this.path, 0o755);
    process.once("exit", () => this.remove());
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export interface StoreServer {
  // Command-line options that make authstated use this store.
  readonly options: string[];
  start(): Promise<void>;
  stop(): Promise<void>;
}

export class SqliteStore implements StoreServer {
  readonly options: string[];

  constructor(folder: TestFolder) {
    this.options = ["--backend", "sqlite", "--sqlite-path", join(folder.path, "authstate.db")];
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
}

export class PostgresStore implements StoreServer {
  #child: ChildProcess | undefined;
  #log = "";

  private constructor(
    private readonly folder: TestFolder,
    private readonly port: number,
  ) {}

  static async create(folder: TestFolder): Promise<PostgresStore> {
    return new PostgresStore(folder, await freePort());
  }

  get options(): string[] {
    return ["--backend", "postgres", "--postgres-url", `postgresql://postgres@127.0.0.1:${this.port}/postgres`];
  }

  async start(): Promise<void> {
    const child = start("sh", [SERVE_POSTGRES, join(this.folder.path, "postgres"), String(this.port)]);
    this.#child = child;
    child.stdout?.resume();
    child.stderr?.on("data", (data: Buffer) => (this.#log = (this.#log + data.toString()).slice(-4_000)));
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await accepts(this.port)) || !this.#log.includes("ready to accept connections")) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`PostgreSQL did not start:\n${this.#log}`);
      await new Promise((resolve) => setTimeout(resolve, CONNECT_INTERVAL_MS));
    }
  }

  // Cuts every connection, as a fast shutdown does.
  async stop(): Promise<void> {
    if (this.#child !== undefined) await end(this.#child, "SIGINT");
    this.#log = "";
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = createConnection(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export class Authstated {
  readonly #options: string[];
  #child: ChildProcess | undefined;
  #port = 0;
  #log = "";

  constructor(storeOptions: string[]) {
    this.#options = storeOptions;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  // Resolves when it serves; on the port of before when it was started before.
  async start(): Promise<void> {
    const child = start(join(BINARIES, "authstated"), ["--listen", this.address, ...this.#options]);
    this.#child = child;
    child.stderr?.on("data", (data: Buffer) => (this.#log = (this.#log + data.toString()).slice(-4_000)));
    this.#port = await new Promise<number>((resolve, reject) => {
      const timeout = setTimeout(() => reject(new Error(`no ready line:\n${this.#log}`)), START_TIMEOUT_MS);
      const fail = (why: string): void => {
        clearTimeout(timeout);
        reject(new Error(why));
      };
      child.once("error", (error) => fail(`${error.message}: build it, or set AUTHSTATE_BIN_DIR`));
      child.once("exit", (code) => fail(`authstated ended with ${code}:\n${this.#log}`));
      createInterface(child.stdout!).on("line", (line) => {
        const port = /^authstated ready on [^ ]*:(\d+), backend /.exec(line)?.[1];
        if (port === undefined) return;
        clearTimeout(timeout);
        resolve(Number(port));
      });
    });
  }

  // SIGKILL: nothing is flushed, nobody is told.
  async crash(): Promise<void> {
    if (this.#child !== undefined) await end(this.#child, "SIGKILL");
  }

  // Returns the exit code.
  async stop(): Promise<number | null> {
    if (this.#child === undefined) return null;
    await end(this.#child, "SIGTERM");
    return this.#child.exitCode;
  }
}
