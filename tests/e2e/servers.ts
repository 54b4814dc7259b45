// The servers that a test runs against, each a process of its own on a port and in a folder of its own.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
export const BINARIES = process.env["AUTHSTATE_BIN_DIR"] ?? join(REPOSITORY, "build/bin");
const SUPPORT = join(REPOSITORY, "tests/support");
const START_TIMEOUT_MS = 60_000;
const CONNECT_INTERVAL_MS = 20;

// Whatever still runs when the test process ends is ended with it, also after a failed test.
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export function start(command: string, args: string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

export async function freePort(): Promise<number> {
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

// How authstated reaches PostgreSQL: directly, through a PgBouncer in one of its modes, or by TLS with verify-full.
export type PostgresRoute = "direct" | "transaction" | "session" | "tls";

// Fewer than authstated has, so that they are shared; in session mode each of its connections takes one.
const POOLED_CONNECTIONS = { transaction: 4, session: 20 };

export class PostgresStore implements StoreServer {
  #children: ChildProcess[] = [];

  private constructor(
    private readonly folder: TestFolder,
    private readonly route: PostgresRoute,
    private readonly port: number,
    private readonly poolerPort: number,
  ) {}

  static async create(folder: TestFolder, route: PostgresRoute = "direct"): Promise<PostgresStore> {
    return new PostgresStore(folder, route, await freePort(), await freePort());
  }

  get options(): string[] {
    return ["--backend", "postgres", "--postgres-url", this.url];
  }

  get url(): string {
    switch (this.route) {
      case "direct":
        return `postgresql://postgres@127.0.0.1:${this.port}/postgres`;
      case "transaction":
      case "session":
        return `postgresql://postgres@127.0.0.1:${this.poolerPort}/postgres`;
      case "tls": {
        const verified = `hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=${this.#file("tls/ca.pem")}`;
        return `postgresql://postgres@localhost:${this.port}/postgres?${verified}`;
      }
    }
  }

  // For a test's own statements, past a pooler.
  get directUrl(): string {
    const url = `postgresql://postgres@127.0.0.1:${this.port}/postgres`;
    return this.route === "tls" ? `${url}?sslmode=no-verify` : url;
  }

  #file(name: string): string {
    return join(this.folder.path, name);
  }

  async start(): Promise<void> {
    const settings = this.route === "tls" ? this.#tlsSettings() : [];
    await this.#serve("serve_postgres.sh", [this.#file("postgres"), String(this.port), ...settings], this.port);
    if (this.route === "transaction" || this.route === "session") {
      const { port, poolerPort, route } = this;
      const arguments_ = [this.#file("pgbouncer"), poolerPort, route, port, POOLED_CONNECTIONS[route]];
      await this.#serve("serve_pgbouncer.sh", arguments_.map(String), poolerPort);
    }
  }

  #tlsSettings(): string[] {
    const folder = this.#file("tls");
    execFileSync("sh", [join(SUPPORT, "make_certificates.sh"), folder], { stdio: "pipe" });
    return [
      "ssl=on",
      `ssl_cert_file=${folder}/server.pem`,
      `ssl_key_file=${folder}/server.key`,
      `hba_file=${folder}/hba.conf`,
    ];
  }

  // Resolves once it takes connections; PostgreSQL does so before it answers them, and says when it does.
  async #serve(script: string, args: string[], port: number): Promise<void> {
    const child = start("sh", [join(SUPPORT, script), ...args]);
    this.#children.push(child);
    let log = "";
    child.stdout?.resume();
    child.stderr?.on("data", (data: Buffer) => (log = (log + data.toString()).slice(-4_000)));
    const deadline = Date.now() + START_TIMEOUT_MS;
    const said = (): boolean => script !== "serve_postgres.sh" || log.includes("ready to accept connections");
    while (!(await accepts(port)) || !said()) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${script} did not start:\n${log}`);
      await new Promise((resolve) => setTimeout(resolve, CONNECT_INTERVAL_MS));
    }
  }

  // Cuts every connection, as a fast shutdown does. The pooler goes first: it would wait for the server.
  async stop(): Promise<void> {
    const children = this.#children.splice(0).reverse();
    for (const child of children) await end(child, child === children.at(-1) ? "SIGINT" : "SIGTERM");
  }
}

// The tables of the adapter of before, in a PostgreSQL of their own. authstated finds them by itself.
export class LegacyStore implements StoreServer {
  #hasTables = false;

  private constructor(private readonly postgres: PostgresStore) {}

  static async create(folder: TestFolder, route: PostgresRoute = "direct"): Promise<LegacyStore> {
    return new LegacyStore(await PostgresStore.create(folder, route));
  }

  get options(): string[] {
    return this.postgres.options;
  }

  get url(): string {
    return this.postgres.directUrl;
  }

  async start(): Promise<void> {
    await this.postgres.start();
    if (!this.#hasTables) await this.run(readFileSync(join(SUPPORT, "legacy_tables.sql"), "utf8"));
    this.#hasTables = true;
  }

  async stop(): Promise<void> {
    await this.postgres.stop();
  }

  async run(sql: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    try {
      return await client.query(sql);
    } finally {
      await client.end();
    }
  }
}

export async function accepts(port: number): Promise<boolean> {
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

  get pid(): number | undefined {
    return this.#child?.pid;
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
