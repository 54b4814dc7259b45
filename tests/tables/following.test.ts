// Tables that follow an authstated, through a switch of its database and through its maintenance.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { AuthStatePool } from "../../client/node/dist/esm/index.js";
import type { Tables } from "../../client/tables/dist/esm/index.js";
import { Authstated } from "../e2e/servers.ts";
import { isPostgrestHere } from "./databases.ts";
import { caught, Fixture, NAMES } from "./fixture.ts";

const COMPANY = 962302;

describe("tables that follow an authstated", { skip: !isPostgrestHere }, () => {
  let fixture: Fixture;
  let authstated: Authstated;
  let pool: AuthStatePool;
  let tables: Tables;
  before(async () => {
    fixture = await Fixture.start({ supabase: "live", timeweb: "second_form" });
    // The old tables are closed to PostgREST, and authstated keeps tables of its own here.
    const options = NAMES.flatMap((name) => [
      ...[`--${name}-url`, fixture.databases.url(name)],
      ...[`--${name}-sslmode`, "disable", `--${name}-layout`, "native"],
    ]);
    authstated = new Authstated(["--backend", "supabase", ...options]);
    await authstated.start();
    pool = new AuthStatePool({ address: authstated.address });
    tables = fixture.tables(pool, { patienceMs: 30_000 });
  });
  after(async () => {
    await pool?.close();
    await authstated?.stop();
    await fixture.stop();
  });

  it("are where it serves, before a switch and after it, without a restart", async () => {
    const write = (id: number) => tables.from("clients").insert({ yclients_id: id, company_id: COMPANY });
    assert.equal((await tables.serving()).database, "supabase");
    assert.equal((await write(1)).error, null);
    await authstated.control("backend", "switch", "timeweb", "--yes");
    // What is known is answered without a turn of the event loop, and the answer of authstated needs one.
    while ((await tables.serving()).database !== "timeweb") await setImmediate();
    assert.equal((await write(2)).error, null);
    for (const [name, id] of [["supabase", 1] as const, ["timeweb", 2] as const]) {
      const { rows } = await fixture.databases.run(
        name,
        "SELECT yclients_id AS id FROM clients WHERE yclients_id < 10",
      );
      assert.deepEqual(rows, [{ id }]);
    }
  });

  it("write nothing in its maintenance, and what waited once it is over", async () => {
    await authstated.control("maintenance", "on", "--reason", "the move");
    const update = (to: Tables) => to.from("clients").update({ name: "moved" }).eq("id", 1);
    const error = await caught(update(tables.with({ patienceMs: 0 })));
    assert.equal(error["code"], "MAINTENANCE");
    assert.match(String(error["message"]), /the move/);
    assert.equal((await tables.from("clients").select("id").eq("id", 1)).error, null);
    const waiting = Promise.resolve(update(tables));
    await authstated.control("maintenance", "off");
    assert.equal((await waiting).error, null);
  });

  it("ask no database whose place nobody tells", async () => {
    await authstated.crash();
    while (
      (await tables
        .with({ patienceMs: 0 })
        .serving()
        .catch(() => undefined)) !== undefined
    );
    const error = await caught(tables.with({ patienceMs: 0 }).from("clients").select("id").eq("id", 1).single());
    assert.equal(error["code"], "SERVING_UNKNOWN");
    assert.equal(error["retryable"], true);
  });
});
