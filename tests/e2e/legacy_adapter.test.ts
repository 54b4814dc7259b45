// The adapter of before and the service on the same tables, in turn: neither loses or misreads what the other wrote.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type * as baileys from "baileys";
import { type AuthState, useAuthState } from "../../client/node/dist/esm/index.js";
import { type EveryType, everyType, type Keys, meaning } from "./every_type.ts";
import { LegacyAdapter, type Writing } from "./legacy_adapter.ts";
import { TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { LegacyStore } from "./stores.ts";

const COMPANY = "962302";
const WRITINGS: Writing[] = ["BufferJSON", "JSON.stringify"];

describe("the adapter of before and authstated on whatsapp_auth and whatsapp_keys", () => {
  const folder = new TestFolder();
  let store: LegacyStore;
  let authstated: Authstated;
  let adapter: LegacyAdapter;
  let values: EveryType;

  // Without a lease: an owner would not look for what the adapter, which knows of no leases, has written.
  const service = (): Promise<AuthState> => useAuthState(COMPANY, { address: authstated.address, lease: false });
  const types = (): string[] => Object.keys(values.keys);

  before(async () => {
    values = await everyType();
    store = await LegacyStore.create(folder);
    await store.start();
    authstated = new Authstated(store.options);
    await authstated.start();
    adapter = new LegacyAdapter(store.url, COMPANY);
  });
  after(async () => {
    await adapter?.close();
    await authstated?.crash();
    await store?.stop();
    folder.remove();
  });

  async function keysByService(type: string, ids: string[]): Promise<Record<string, unknown>> {
    const auth = await service();
    const keys = await auth.state.keys.get(type as keyof baileys.SignalDataTypeMap, ids);
    await auth.close();
    return keys;
  }

  async function readByService(): Promise<{ creds: unknown; keys: Keys }> {
    const auth = await service();
    const keys: Keys = {};
    for (const type of types()) {
      const ids = Object.keys(values.keys[type]!);
      keys[type] = await auth.state.keys.get(type as keyof baileys.SignalDataTypeMap, ids);
    }
    await auth.close();
    return { creds: auth.state.creds, keys };
  }

  async function readByAdapter(): Promise<{ creds: unknown; keys: Keys }> {
    const keys: Keys = {};
    for (const type of types()) keys[type] = await adapter.get(type, Object.keys(values.keys[type]!));
    return { creds: await adapter.creds(), keys };
  }

  async function writeByService(keys: Keys, creds?: baileys.AuthenticationCreds): Promise<void> {
    const auth = await service();
    if (creds !== undefined) Object.assign(auth.state.creds, creds);
    await Promise.all([auth.saveCreds(), auth.state.keys.set(keys as baileys.SignalDataSet)]);
    await auth.close();
  }

  function assertAllThere(read: { creds: unknown; keys: Keys }): void {
    assert.deepEqual(meaning(read.creds), meaning(values.creds));
    for (const type of types()) assert.deepEqual(meaning(read.keys[type]), meaning(values.keys[type]), type);
  }

  async function assertEveryFormIsThere(): Promise<void> {
    const { rows } = await store.run(
      `SELECT count(*) FILTER (WHERE value->>'type' = 'Buffer' AND jsonb_typeof(value->'data') = 'array')::int AS form2,
              count(*) FILTER (WHERE key_type = 'identity-key' AND value ? '0')::int AS form3,
              count(*) FILTER (WHERE jsonb_typeof(value) = 'string')::int AS form4
       FROM whatsapp_keys`,
    );
    for (const [form, count] of Object.entries(rows[0] as Record<string, number>)) assert.notEqual(count, 0, form);
  }

  for (const writing of WRITINGS) {
    it(`the service reads what the adapter wrote with ${writing}`, async () => {
      await adapter.saveCreds(values.creds, writing);
      await adapter.set(values.keys, writing);
      if (writing === "JSON.stringify") await assertEveryFormIsThere();
      assertAllThere(await readByService());
    });
  }

  it("the adapter reads what the service wrote", async () => {
    await store.run("DELETE FROM whatsapp_auth; DELETE FROM whatsapp_keys");
    await writeByService(values.keys, values.creds);
    assertAllThere(await readByAdapter());
  });

  it("they take turns over every type, and each sees the last word of the other", async () => {
    for (const writing of WRITINGS) {
      for (const type of types()) {
        const [first = "", ...rest] = Object.keys(values.keys[type]!);
        const value = values.keys[type]![first];
        const added = `new ${writing}`;
        // The adapter adds and deletes, the service looks; then the other way round.
        await adapter.set({ [type]: { [added]: value, [first]: null } }, writing);
        assert.deepEqual(meaning(await keysByService(type, [added, first])), meaning({ [added]: value }), type);

        await writeByService({ [type]: { [added]: null, [first]: value } });
        assert.deepEqual(meaning(await adapter.get(type, [added, first])), meaning({ [first]: value }), type);
        assert.deepEqual(
          meaning(await adapter.get(type, rest)),
          meaning(Object.fromEntries(rest.map((id) => [id, values.keys[type]![id]]))),
        );
      }
      await adapter.saveCreds({ ...values.creds, nextPreKeyId: 77 }, writing);
      const auth = await service();
      assert.equal(auth.state.creds.nextPreKeyId, 77);
      auth.state.creds.nextPreKeyId = values.creds.nextPreKeyId;
      await auth.saveCreds();
      await auth.close();
      assertAllThere(await readByAdapter());
      assertAllThere(await readByService());
    }
  });

  it("expired stamps of the adapter hide nothing, and are gone from what the service writes", async () => {
    await adapter.set(values.keys, "JSON.stringify");
    await store.run("UPDATE whatsapp_keys SET expires_at = now() - interval '1 day'");
    assertAllThere(await readByService());
    await writeByService(values.keys);
    const { rows } = await store.run("SELECT count(*)::int AS stamped FROM whatsapp_keys WHERE expires_at IS NOT NULL");
    assert.equal(rows[0].stamped, 0);
  });
});
