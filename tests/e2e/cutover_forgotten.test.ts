// One of eight services stays on the old database, as it went for thirteen days in the move by hand: the evening does not
// come to its end, and what that service wrote is not overwritten.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, afterEach, before, describe, it } from "node:test";
import { CutoverWorld, type Site } from "./cutover_evening.ts";
import { numberOf, SERVICES, statementsOf } from "./cutover_tables.mjs";
import { query } from "./stores.ts";

const FORGOTTEN = "bookings";

describe("One of eight services that stays on the old database", () => {
  const world = new CutoverWorld();
  let live: Site;

  before(async () => {
    await world.start();
    live = await world.site("live");
  });
  afterEach(async () => {
    await world.dropServices();
    rmSync(world.path("ledgers"), { recursive: true });
  });
  after(() => world.end());

  // Rehearses with the service that sets `setting` for itself; what is told of the step that failed.
  async function rehearse(site: Site, setting: string): Promise<string> {
    await world.startServices(site, { service: FORGOTTEN, setting });
    await world.prepare(site);
    const { code, stderr } = await world.rehearse(site, live);
    assert.equal(code, 6, stderr);
    assert.equal(world.record().outcome, "failed");
    // It is undone: all of them are on Supabase again.
    await world.everyoneWrites();
    for (const service of SERVICES.filter((name) => name !== FORGOTTEN)) {
      assert.equal(world.ledger(service).at(-1)!.database, "supabase");
    }
    return stderr;
  }

  // Everything that the service was told is kept is where it wrote it.
  async function expectKept(site: Site): Promise<void> {
    await world.stopServices();
    for (const { row } of world.ledger(FORGOTTEN)) {
      const read = statementsOf(FORGOTTEN).read.replace("$1", String(numberOf(row)));
      assert.equal((await query(site.pair.url("supabase"), read)).rowCount, 1, `row ${row} is lost`);
    }
  }

  it("ends it at the step that starts the service, where the service has an environment of its own", async () => {
    const site = await world.site("own");
    const stderr = await rehearse(site, "USE_LEGACY_SUPABASE=true");
    assert.equal(world.record().failed_step, "start-rest");
    assert.match(stderr, new RegExp(`services.sh: ${FORGOTTEN} does not run on timeweb`));
    await expectKept(site);
  });

  it("ends it at the last step, where the service says Timeweb and asks Supabase", async () => {
    const site = await world.site("said");
    const stderr = await rehearse(site, `TIMEWEB_URL=${site.pair.url("supabase")}`);
    const { failed_step, steps } = world.record();
    assert.equal(failed_step, "smoke-all");
    assert.match(stderr, new RegExp(`still on Supabase: .*${FORGOTTEN}`));
    // The way back of the tables is not gone over rows that it has written since.
    assert.match(stderr, new RegExp(`${FORGOTTEN}: id=[^]*would be lost`));
    assert.equal(steps.find(({ name }) => name === "tables-sync")!.outcome, "undo-failed");
    await expectKept(site);
  });
});
