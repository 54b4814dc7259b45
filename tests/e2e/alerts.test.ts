// The alerts of deploy/monitoring and the faults that they are for: inactive before the fault, firing during it, resolved after.
//
// `./dev test` plays what shows within seconds; `./dev fault` all, and waits until each window of the rules has passed.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { AuthStatePool } from "../../client/node/dist/esm/index.js";
import { AlertWorld } from "./alert_world.ts";
import type { MonitoredServer } from "./monitored_server.ts";
import { AUTHSTATED, runControl } from "./servers.ts";
import {
  fillDisk,
  makeCertificate,
  makeOtherVersion,
  noSmallDisk,
  onSmallDisk,
  putCertificate,
  withClock,
} from "./staged_faults.ts";
import { query } from "./stores.ts";

const LONG = process.env["AUTHSTATE_FAULT_ROUNDS"] !== undefined;
const POLL_MS = 50;
const CALLS = 100;
const STEALS = 25;
const PATIENCE_MS = 60_000;
// Of these, as many as AuthstateQueueFull has in five minutes.
const LEAST_REFUSED = 31;
// Longer than AuthstateQueueSlow has it, and shorter than anybody may wait.
const WAIT_MS = 1_300;
// More than half of what may be behind in that test.
const PART_OF_BOUND = 600_000;
// As much as a word of a command line may be, in base64.
const LARGE_BYTES = 90_000;
const inFull = LONG ? it : (): void => undefined;

const onPostgres = (url: string, ...options: string[]): string[] => [
  ...["--backend", "postgres", "--postgres-url", url],
  ...options,
];
const set = (server: MonitoredServer, value = "1"): string[] => ["keys", "set", server.instance, "note", "1", value];

// So many calls that are answered, or refused; whatever it is, it is counted.
async function call(pool: AuthStatePool, calls = CALLS): Promise<void> {
  await Promise.allSettled(Array.from({ length: calls }, () => pool.exists("any")));
}

describe("an alert", () => {
  const world = new AlertWorld();
  before(() => world.start());
  after(() => world.stop());

  // Calls until an expression returns nothing any more, which what fails is then too small a part of.
  async function callUntilNot(pool: AuthStatePool, expression: string): Promise<void> {
    while ((await world.prometheus.query(expression)).length > 0) await call(pool);
  }

  it("tells of a certificate that is replaced by an old one", async () => {
    const instance = "certificate";
    const [place, good, ending, ended] = ["tls", "good", "ending", "ended"].map((name) => world.file(name));
    makeCertificate(good!, 30);
    makeCertificate(ending!, 1);
    await withClock("-60d", () => makeCertificate(ended!, 30));
    putCertificate(good!, place!);
    await world.onSqlite(instance, `--tls-certificate=${place}.pem`, `--tls-key=${place}.key`);
    await world.shows(
      { AuthstateCertificateExpires: { instance }, AuthstateCertificateExpiresSoon: { instance } },
      () => putCertificate(ending!, place!),
      () => putCertificate(good!, place!),
    );
    await world.shows(
      { AuthstateCertificateRefused: { instance } },
      () => putCertificate(ended!, place!),
      () => putCertificate(good!, place!),
    );
  });

  it("tells of a database that is stopped, and pages somebody", async () => {
    const instance = "stopped";
    const { url } = await world.database(instance);
    const pool = world.pool(await world.serve(instance, onPostgres(url)));
    await world.shows(
      {
        AuthstateDatabaseAway: { instance },
        AuthstateFailuresOver20Percent: { instance },
        AuthstateFailuresOver5Percent: { instance },
      },
      async () => {
        await world.stopPostgres();
        await call(pool);
      },
      async () => {
        await world.alertmanager.page("AuthstateDatabaseAway", "firing");
        await world.startPostgres();
        await callUntilNot(pool, `authstate:failures:ratio_rate5m{instance="${instance}"} > 0.04`);
      },
    );
    await world.alertmanager.page("AuthstateDatabaseAway", "resolved");
  });

  it("tells of commits in doubt, whose connection breaks before they are answered", async () => {
    const instance = "doubt";
    const { url, route, routed } = await world.database(instance);
    const server = await world.serve(instance, onPostgres(routed));
    await server.control(...set(server));
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    await world.shows(
      { AuthstateCommitsInDoubt: { instance } },
      async () => {
        await holder.query("BEGIN");
        await holder.query("SELECT FROM authstate.auth_sessions FOR UPDATE");
        const waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        const waiting = async (): Promise<boolean> => (await query(url, waits)).rowCount !== 0;
        const inDoubt = `authstate_backend_commits_total{instance="${instance}", outcome="unknown"} > 0`;
        // On a busy machine a commit may run out of time before the way is cut: then it was not applied.
        while ((await world.prometheus.query(inDoubt)).length === 0) {
          route.mend();
          const commit = server.tryControl("--timeout", "4s", ...set(server, "2"));
          const over = commit.then(() => true);
          while (!(await Promise.race([over, waiting()]))) await sleep(POLL_MS);
          route.cut();
          await commit;
        }
      },
      async () => {
        await holder.end();
        route.mend();
      },
    );
  });

  it("tells of a row that somebody changed, and of a backup that lacks its session", async () => {
    const instance = "damaged";
    const { url } = await world.database(instance);
    const server = await world.serve(instance, onPostgres(url));
    await server.control(...set(server));
    const change = (to: string): Promise<unknown> => query(url, `UPDATE authstate.auth_keys SET value = ${to}`);
    const mend = (): Promise<unknown> => change("substring(value FROM 1 FOR length(value) - 1)");
    await world.shows(
      { AuthstateDataLoss: { instance, backend: "postgres" } },
      async () => {
        await change("value || '\\x00'");
        assert.notEqual((await server.tryControl("keys", "get", instance, "note", "1")).code, 0);
      },
      mend,
    );
    const backUp = await backups(server);
    await backUp();
    await world.scrapeFiles("unread", [world.file(`${instance}.prom`)]);
    await world.shows(
      { AuthstateBackupStale: { instance: "unread" } },
      async () => {
        await change("value || '\\x00'");
        await assert.rejects(backUp("--full"));
      },
      async () => {
        await mend();
        await backUp("--full");
      },
    );
  });

  // Makes backups of a server, which leave their figures in a file.
  async function backups(server: MonitoredServer): Promise<(...options: string[]) => Promise<string>> {
    const [folder, keyring, figures] = ["backups", "keyring", "prom"].map((name) =>
      world.file(`${server.instance}.${name}`),
    );
    await runControl("keyring", "init", keyring!, "backups");
    const words = [folder!, "--keyring-file", keyring!, "--metrics-file", figures!];
    return (...options) => server.control("backup", "create", ...words, ...options);
  }

  inFull("tells of a backup that is too old", async () => {
    const instance = "old-backup";
    const server = await world.onSqlite(instance);
    await server.control(...set(server));
    const backUp = await backups(server);
    await backUp();
    await world.scrapeFiles(instance, [world.file(`${instance}.prom`)]);
    await world.shows(
      { AuthstateBackupStale: { instance } },
      () => withClock("-27h", backUp),
      () => backUp("--full"),
    );
  });

  it("tells of a disk that is full, and of an audit log on it", { skip: noSmallDisk("/tmp") }, async () => {
    const instance = "disk";
    const folder = world.file("disk");
    mkdirSync(folder);
    const options = [`--sqlite-path=${folder}/a.db`, "--audit=on", `--audit-file=${folder}/audit`];
    const server = await world.serve(instance, options, [...onSmallDisk(folder), AUTHSTATED]);
    // Through the process, as the disk is mounted for it alone.
    const filler = `/proc/${server.pid}/root${folder}/filler`;
    await world.shows(
      {
        AuthstateDiskFull: { instance },
        AuthstateDiskFillsUp: { instance },
        AuthstateAuditFailing: { instance },
        AuthstateDatabaseAway: { instance },
      },
      async () => {
        fillDisk(filler);
        const large = JSON.stringify(randomBytes(LARGE_BYTES).toString("base64"));
        assert.notEqual((await server.tryControl(...set(server, large))).code, 0);
      },
      () => rmSync(filler),
    );
  });

  it("tells of a burst of refused logins", async () => {
    const instance = "refusing";
    const server = await world.onSqlite(instance);
    const token = (await server.control("token", "create", "--quiet", "--label=all", "--admin")).trim();
    const stranger = world.pool(server, { token: token.slice(0, -1) + (token.endsWith("a") ? "b" : "a") });
    await world.shows(
      { AuthstateRefusedCallers: { instance, reason: "BAD_TOKEN" } },
      () => call(stranger),
      () => undefined,
    );
  });

  it("tells of a server that still asks the database that others have left", async () => {
    const [old, current] = [await world.database("old_one"), await world.database("new_one")];
    const [supabase, timeweb] = [old, current].map(({ url }) => `${url}?sslmode=disable`);
    await world.serve("moved", ["--backend=timeweb", `--timeweb-url=${timeweb}`, `--supabase-url=${supabase}`]);
    const instance = "rogue";
    let rogue!: MonitoredServer;
    await world.shows(
      { AuthstateOldDatabaseAsked: { instance, backend: "supabase" } },
      async () => {
        rogue = await world.serve(instance, ["--backend=supabase", `--supabase-url=${supabase}`]);
        await rogue.control(...set(rogue));
      },
      () => rogue.stop(),
    );
  });

  it("tells of a client that nobody scrapes and that asks the database that is given up", async () => {
    const instance = "given-up";
    const [old, current] = [await world.database("given_up"), await world.database("kept_in")];
    const [supabase, timeweb] = [old, current].map(({ url }) => `${url}?sslmode=disable`);
    const figures = world.file(`${instance}.prom`);
    const databases = [`--supabase-url=${supabase}`, `--timeweb-url=${timeweb}`];
    const watch = (): Promise<string> => runControl("decommission", "watch", ...databases, "--metrics-file", figures);
    await watch();
    await world.scrapeFiles(instance, [figures]);
    const client = new pg.Client({ connectionString: old.url });
    await world.shows(
      { AuthstateDecommissionAsked: { instance } },
      async () => {
        await client.connect();
        await watch();
      },
      async () => {
        await client.end();
        await withClock("+16m", watch);
      },
    );
  });

  inFull("tells of two versions side by side, and of a server that is gone", async () => {
    const instance = "other-version";
    const other = world.file("authstated");
    makeOtherVersion(AUTHSTATED, other);
    await world.onSqlite("this-version");
    let server!: MonitoredServer;
    const start = async (): Promise<void> => {
      server = await world.serve(instance, ["--sqlite-path", world.file("other.db")], [other]);
    };
    await world.shows({ AuthstateMixedVersions: {} }, start, () => server.stop());
    // Nobody has taken it off Prometheus' list.
    await world.prometheus.fires("AuthstateDown", { instance });
    await server.start();
    await world.prometheus.isResolved("AuthstateDown", { instance });
    await world.shows(
      { AuthstateDown: { instance } },
      () => server.stop(),
      () => server.start(),
    );
  });

  inFull("tells of requests that find no room, and of those that wait long for it", async () => {
    const instance = "queue";
    const { url } = await world.database(instance);
    const pool = world.pool(await world.serve(instance, onPostgres(url, "--postgres-connections=3", "--batches=0")));
    const refused = `grpc_server_handled_total{instance="${instance}", grpc_code="RESOURCE_EXHAUSTED"}`;
    // Somebody has locked a table: each call has a connection for a while in vain, and the others wait for one.
    const lockedOut = async (): Promise<void> => {
      const holder = new pg.Client({ connectionString: url });
      await holder.connect();
      await holder.query("BEGIN");
      await holder.query("LOCK TABLE authstate.auth_sessions");
      const waiting = call(pool);
      await world.prometheus.until(`${refused} > ${LEAST_REFUSED}`);
      await sleep(WAIT_MS);
      await holder.end();
      await waiting;
    };
    await world.shows({ AuthstateQueueFull: { instance }, AuthstateQueueSlow: { instance } }, lockedOut, () =>
      callUntilNot(pool, `ALERTS{alertname="AuthstateQueueSlow", instance="${instance}"}`),
    );
  });

  inFull("tells of owners that take a session from each other", async () => {
    const instance = "leases";
    const server = await world.onSqlite(instance);
    await world.shows(
      { AuthstateLeasesFlap: {} },
      async () => {
        for (let steal = 0; steal <= STEALS; steal++) {
          await server.control("lease", "acquire", instance, "--steal", "--owner", `pool-${steal % 2}`);
        }
      },
      () => undefined,
    );
  });

  inFull("tells of maintenance that nobody has ended", async () => {
    const instance = "maintenance";
    const server = await world.onSqlite(instance);
    await world.shows(
      { AuthstateMaintenance: { instance } },
      () => server.control("maintenance", "on", "--reason", "a test"),
      () => server.control("maintenance", "off"),
    );
  });

  inFull("tells of a file that the database does not follow", async () => {
    const instance = "near";
    const { url, route, routed } = await world.database(instance);
    const file = world.file("near.db");
    const options = onPostgres(routed, "--write-behind", file, "--write-behind-max-bytes=1000000");
    const server = await world.serve(instance, options);
    const pool = world.pool(server, { patienceMs: PATIENCE_MS });
    const { state } = await pool.useAuthState("home");
    const write = (): Promise<void> =>
      state.keys.set({ "lid-mapping": { "1": randomBytes(PART_OF_BOUND).toString("base64") } });
    await world.shows(
      {
        AuthstateDatabaseAway: { instance },
        AuthstateWriteBehindAway: { instance },
        AuthstateWriteBehindFull: { instance },
        AuthstateWriteBehindLags: { instance },
      },
      async () => {
        route.cut();
        await write();
        await world.prometheus.until(`authstate_write_behind_away{instance="${instance}"} == 1`);
      },
      () => route.mend(),
    );

    const thief = world.pool(await world.serve("thief", onPostgres(url)), { patienceMs: PATIENCE_MS });
    await world.shows(
      { AuthstateWriteBehindOrphans: { instance } },
      async () => {
        route.cut();
        await write();
        await world.prometheus.until(`authstate_write_behind_away{instance="${instance}"} == 1`);
        await thief.useAuthState("home", { steal: true });
        route.mend();
      },
      async () => {
        await server.stop();
        await runControl("write-behind", "orphans", "discard", file, "1", "--yes");
        await server.start();
      },
    );

    await world.shows(
      { AuthstateSessionsUncounted: { instance } },
      async () => {
        route.cut();
        await server.crash();
        await server.start();
      },
      () => route.mend(),
    );
  });

  inFull("is resolved when its window has passed, and none is left that no fault has shown", async () => {
    await world.windowsPass();
    assert.deepEqual(world.notShown(), []);
  });
});
