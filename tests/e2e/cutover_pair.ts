// A pair of databases between which a cutover goes: the application's tables and its old tables of sessions in the one,
// nothing in the other. Each is in a PostgreSQL of its own.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY, type TestFolder } from "./processes.ts";
import { PostgresStore, query } from "./stores.ts";

export type Profile = "supabase" | "timeweb";

const PROFILES: Profile[] = ["supabase", "timeweb"];
const SCRIPTS = ["tests/live_schema/live.sql", "tests/live_schema/rows.sql", "tests/support/legacy_tables.sql"];

export class DatabasePair {
  // The configuration of an authstated that serves from the first and may serve from the second.
  readonly config: string;

  private constructor(
    readonly name: string,
    private readonly servers: Record<Profile, PostgresStore>,
    folder: TestFolder,
  ) {
    this.config = join(folder.path, `${name}.toml`);
  }

  // `name` is that of both databases, which are made.
  static async make(name: string, servers: Record<Profile, PostgresStore>, folder: TestFolder): Promise<DatabasePair> {
    const pair = new DatabasePair(name, servers, folder);
    for (const profile of PROFILES) await query(servers[profile].url, `CREATE DATABASE ${name}`);
    for (const script of SCRIPTS) await query(pair.url("supabase"), readFileSync(join(REPOSITORY, script), "utf8"));
    const entries = [`backend = "supabase"`, `supabase-layout = "legacy"`, `timeweb-layout = "native"`];
    for (const profile of PROFILES) {
      entries.push(`${profile}-url = "${pair.url(profile)}"`, `${profile}-sslmode = "disable"`);
    }
    writeFileSync(pair.config, `${entries.join("\n")}\n`);
    return pair;
  }

  url(profile: Profile): string {
    const url = new URL(this.servers[profile].url);
    url.pathname = `/${this.name}`;
    return url.href;
  }
}
