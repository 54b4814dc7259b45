// What tests of pools have in common: two servers on one database, a clock that stands still, and pools that are closed
// afterwards. Made anew for every test of a file that imports this.
import { afterEach, beforeEach } from "node:test";
import type { AuthState } from "../../src/auth_state.ts";
import type { LostError } from "../../src/errors.ts";
import type { AuthStatePoolOptions } from "../../src/options.ts";
import { Pool } from "../../src/pool.ts";
import { FakePacing } from "./fake_pacing.ts";
import { type Database, LeaseServer } from "./lease_server.ts";

export const SESSION = "5511999990001";
export const TTL_MS = 15_000;
export const NOT_APPLIED = { outcome: "NOT_APPLIED" };

let database: Database;
export let server: LeaseServer;
export let second: LeaseServer;
export let pacing: FakePacing;
let pools: Pool[];
export let warnings: string[];

export function newPool(options: AuthStatePoolOptions = {}): Pool {
  const logger = { debug: () => undefined, warn: (_: object, message: string) => void warnings.push(message) };
  const pool = new Pool({ address: server.address, leaseTtlMs: TTL_MS, logger, ...options }, pacing);
  pools.push(pool);
  return pool;
}

export function watch(auth: AuthState): { events: string[]; lost: LostError[] } {
  const seen: { events: string[]; lost: LostError[] } = { events: [], lost: [] };
  auth.events.on("away", () => seen.events.push("away"));
  auth.events.on("back", () => seen.events.push("back"));
  auth.events.on("lost", (error) => {
    seen.events.push("lost");
    seen.lost.push(error);
  });
  return seen;
}

export const write = (auth: AuthState, value: string, id = "a"): Promise<void> =>
  auth.state.keys.set({ "lid-mapping": { [id]: value } });
export const read = async (auth: AuthState, ...ids: string[]): Promise<Record<string, string>> =>
  auth.state.keys.get("lid-mapping", ids);
export const stored = (id = "a"): unknown => {
  const value = server.session(SESSION).keys.get(`lid-mapping/${id}`)?.value.kind;
  return value?.$case === "json" ? JSON.parse(value.value) : undefined;
};
export const count = (name: string): number => server.log.filter((entry) => entry.startsWith(name)).length;

beforeEach(async () => {
  database = new Map();
  server = new LeaseServer(database);
  second = new LeaseServer(database);
  await Promise.all([server.start(), second.start()]);
  pacing = new FakePacing();
  pools = [];
  warnings = [];
});

afterEach(async () => {
  await Promise.allSettled(pools.map((pool) => pool.close()));
  server.stop();
  second.stop();
});
