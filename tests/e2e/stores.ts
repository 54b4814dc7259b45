// The stores that authstated is tested on: files, and PostgreSQL as a process of its own.
import { type ChildProcess, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { end, freePort, REPOSITORY, serving, start, type TestFolder } from "./processes.ts";

const SUPPORT = join(REPOSITORY, "tests/support");

export interface StoreServer {
  // Command-line options that make authstated use this store, where one does.
  readonly options: string[];
  // Those for one of several, which listens on `address`; unset where each has the same.
  optionsOf?(server: number, address: string): string[];
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
    private readonly bin: string | undefined,
  ) {}

  static async create(folder: TestFolder, route: PostgresRoute = "direct", bin?: string): Promise<PostgresStore> {
    return new PostgresStore(folder, route, await freePort(), await freePort(), bin);
  }

  // Of the newest PostgreSQL, in the folder that AUTHSTATE_TEST_NEWER_POSTGRES_BIN names; else as create.
  static createNewest(folder: TestFolder): Promise<PostgresStore> {
    return PostgresStore.create(folder, "direct", process.env["AUTHSTATE_TEST_NEWER_POSTGRES_BIN"]);
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
    const postgres = [this.#file("postgres"), String(this.port), ...settings];
    // It takes connections before it answers them.
    await this.#serve("serve_postgres.sh", postgres, this.port, "ready to accept connections");
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

  async #serve(script: string, args: string[], port: number, ready?: string): Promise<void> {
    const of = this.bin === undefined ? [] : [`AUTHSTATE_TEST_POSTGRES_BIN=${this.bin}`];
    const child = start("env", [...of, "sh", join(SUPPORT, script), ...args]);
    this.#children.push(child);
    await serving(child, script, port, ready);
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

  run(sql: string): Promise<pg.QueryResult> {
    return query(this.url, sql);
  }
}

// A store that each server is ahead of, in a file that acknowledges.
export class FollowingStore implements StoreServer {
  private constructor(
    private readonly folder: TestFolder,
    readonly far: StoreServer,
  ) {}

  static async create(folder: TestFolder, createFar: CreateStore): Promise<FollowingStore> {
    return new FollowingStore(folder, await createFar(folder));
  }

  get options(): string[] {
    return [...this.far.options, "--write-behind", this.#near(0)];
  }

  optionsOf(server: number, address: string): string[] {
    return [...this.far.options, "--write-behind", this.#near(server), "--advertise", address];
  }

  start(): Promise<void> {
    return this.far.start();
  }

  stop(): Promise<void> {
    return this.far.stop();
  }

  #near(server: number): string {
    return join(this.folder.path, `near-${server}.db`);
  }
}

export async function query(connectionString: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

export type CreateStore = (folder: TestFolder) => Promise<StoreServer>;

export const onSqlite: CreateStore = async (folder) => new SqliteStore(folder);
export const onPostgres: CreateStore = (folder) => PostgresStore.create(folder);
export const onLegacy: CreateStore = (folder) => LegacyStore.create(folder);
export const aheadOf =
  (createFar: CreateStore): CreateStore =>
  (folder) =>
    FollowingStore.create(folder, createFar);
const STORES = {
  SQLite: onSqlite,
  PostgreSQL: onPostgres,
  "the existing tables": onLegacy,
  "a file ahead of PostgreSQL": aheadOf(onPostgres),
} as const satisfies Record<string, CreateStore>;

// Whether this is `./dev test --whole`, which repeats on every store what otherwise runs on some: what differs between them
// is the conformance suite's to find.
export const isWhole = process.env["AUTHSTATE_TEST_WHOLE"] !== undefined;

// The stores that a test runs on: this one, or all.
export function storesOr(one: keyof typeof STORES): [name: string, create: CreateStore][] {
  return isWhole ? Object.entries(STORES) : [[one, STORES[one]]];
}
