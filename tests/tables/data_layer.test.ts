// The examples of the package: the data layer and the five scripts, on both databases with equal results, and switched in the
// middle.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { DataLayer, type Row } from "../../client/tables/examples/data_layer.ts";
import { type Source, type Sync } from "../../client/tables/examples/sync.ts";
import { syncBookings } from "../../client/tables/examples/sync_bookings.ts";
import { syncClients } from "../../client/tables/examples/sync_clients.ts";
import { syncSchedules } from "../../client/tables/examples/sync_schedules.ts";
import { syncServices } from "../../client/tables/examples/sync_services.ts";
import { syncStaff } from "../../client/tables/examples/sync_staff.ts";
import type { Tables } from "../../client/tables/dist/esm/index.js";
import { isPostgrestHere } from "./databases.ts";
import { Fixture, type Name, NAMES } from "./fixture.ts";

const COMPANY = 962302;
const SCRIPTS: Sync[] = [syncClients, syncServices, syncStaff, syncSchedules, syncBookings];

// A booking system whose answers `version` decides: some of its rows are there already, some are new.
function sourceOf(version: number): Source {
  const many = (count: number, row: (index: number) => Row): Row[] =>
    Array.from({ length: count }, (_, index) => row(index));
  const rows: Record<string, Row[]> = {
    clients: many(1_150, (index) => ({
      ...{ id: 100_200 + index, name: index % 7 === 0 ? "" : `Клиент ${index} "${version}"`, visits: index % 50 },
      ...{
        phone: `+7 (999) ${index}`,
        spent: `${index}.50`,
        services: ["a,b", "{c}"],
        synced_at: "2025-11-20T00:00:00Z",
      },
    })),
    services: many(70, (index) => ({
      id: 200_010 + index,
      title: `Услуга ${version}.${index}`,
      price_min: index,
      price_max: null,
    })),
    staff: many(14, (index) => ({
      id: 300_001 + index,
      name: `Мастер ${index}`,
      rating: "4.5",
      fired: index === version,
    })),
    schedules: many(140, (index) => ({
      ...{ staff_id: 300_001 + (index % 15), date: `2025-12-${String(1 + Math.floor(index / 15)).padStart(2, "0")}` },
      ...{ working: index % 3 !== 0, from: "10:00", to: `2${version % 4}:00` },
    })),
    bookings: many(120, (index) => ({
      ...{ id: 5_000_000 + index, client_id: 100_200 + index, staff_id: 300_001 + (index % 14), minutes: 60 },
      ...{ starts_at: `2025-12-05T0${index % 10}:00:00+03:00`, attendance: (index % 4) - 1, cost: `${index}.10` },
    })),
  };
  return { read: async (kind) => rows[kind]! };
}

// Everything that the data layer can tell, without the ids and times that a database makes for itself.
async function told(layer: DataLayer): Promise<unknown> {
  const client = (await layer.getClientById(100_205, COMPANY))!;
  const answers: unknown[] = [
    client,
    await layer.getClientByPhone("+7 (999) 5", COMPANY),
    await layer.getClientByPhone("0", COMPANY),
    await layer.getClients(COMPANY),
    await layer.searchClientsByName(COMPANY, '5 "'),
    await layer.searchClientsByName(COMPANY, "%_"),
    await layer.getUpcomingAppointments(client["id"] as number, COMPANY, new Date("2025-12-01T00:00:00Z")),
    await layer.getAppointments(COMPANY, new Date("2025-12-05T00:00:00Z"), new Date("2025-12-05T03:00:00Z")),
    await layer.getStaff(COMPANY),
    await layer.getStaffById(-1),
    await layer.getStaffSchedules(COMPANY, "2025-12-01", "2025-12-10"),
    await layer.getStaffSchedule(1, "2025-12-02"),
    await layer.getServices(COMPANY),
    await layer.getServicesByCategory(COMPANY, "Категория 1"),
    await layer.getCompany(COMPANY),
    await layer.getDialogContext("79990000001@c.us"),
    await layer.getDialogContext("nobody"),
  ];
  const own = new Set(["id", "client_id", "created_at", "updated_at"]);
  return JSON.parse(JSON.stringify(answers), (name, value: unknown) => (own.has(name) ? undefined : value));
}

describe("the data layer and the five scripts", { skip: !isPostgrestHere }, () => {
  let fixture: Fixture;
  const layers = new Map<Name, DataLayer>();
  before(async () => {
    fixture = await Fixture.start({ supabase: "live", timeweb: "second_form" });
    for (const name of NAMES) layers.set(name, new DataLayer(fixture.tables(name)));
  });
  after(() => fixture.stop());

  const runAll = async (
    layer: DataLayer,
    source: Source,
    onDone = (_index: number): void => undefined,
  ): Promise<number[]> => {
    const written: number[] = [];
    for (const [index, script] of SCRIPTS.entries()) {
      written.push(await script(layer, source, COMPANY));
      onDone(index);
    }
    return written;
  };

  it("come to the same on both", async () => {
    const results: unknown[] = [];
    for (const layer of layers.values()) {
      const written = await runAll(layer, sourceOf(1));
      // The 14th of the staff is not known to every day, and the fired one is not among those who work.
      assert.deepEqual(written, [1_150, 70, 14, 121, 120]);
      results.push(await told(layer));
    }
    assert.deepEqual(results[1], results[0]);
  });

  it("do the same when they are run again", async () => {
    const layer = layers.get("timeweb")!;
    const before = await told(layer);
    await runAll(layer, sourceOf(1));
    assert.deepEqual(await told(layer), before);
  });

  it("come to the same when the database is switched in the middle, and they are run again", async () => {
    let use: Name = "supabase";
    const following = fixture.tables({ serverInfo: async () => ({ profile: use }) });
    const layer = new DataLayer(following);
    const switchAfter = (index: number): void => {
      if (index === 2) use = "timeweb";
    };
    await runAll(layer, sourceOf(2), switchAfter);
    while ((await following.serving()).database !== "timeweb");
    await runAll(layer, sourceOf(2));
    await runAll(layers.get("supabase")!, sourceOf(2));
    assert.deepEqual(await told(layer), await told(layers.get("supabase")!));
    assert.equal((await layer.healthCheck()).database, "timeweb");
  });

  it("writes what the rest of a program writes, alike", async () => {
    const results: unknown[] = [];
    for (const layer of layers.values()) {
      const at = "2025-12-24T10:00:00Z";
      await layer.upsertDialogContext({ user_id: "new@c.us", company_id: COMPANY, data: { step: 1 } });
      await layer.upsertDialogContext({ user_id: "new@c.us", company_id: COMPANY, data: { step: 2 } });
      await layer.createAppointment({ company_id: COMPANY, yclients_record_id: 77, starts_at: at, status: "pending" });
      const cancelled = await layer.cancelAppointment(77, COMPANY);
      assert.equal(cancelled!["status"], "cancelled");
      assert.equal(await layer.cancelAppointment(78, COMPANY), null);
      const { data } = (await layer.getDialogContext("new@c.us"))!;
      results.push({ data, starts: cancelled!["starts_at"] });
    }
    assert.deepEqual(results[1], results[0]);
    assert.deepEqual((results[0] as { data: unknown }).data, { step: 2 });
  });

  it("say that a database is not well, and why", async () => {
    const away = fixture.tables("timeweb", { timeweb: { url: "http://127.0.0.1:1" } } as Partial<
      Parameters<Fixture["tables"]>[1]
    >);
    const { healthy, reason } = await new DataLayer(away as Tables).healthCheck();
    assert.equal(healthy, false);
    assert.match(reason!, /ECONNREFUSED|away/);
  });
});
