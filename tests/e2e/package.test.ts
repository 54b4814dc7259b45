// The package as users load it: from ES modules and from CommonJS, beside a Baileys that is an ES module.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { SqliteStore } from "./stores.ts";

type Package = typeof import("../../client/node/dist/esm/index.js");

const CLIENT = "../../client/node/package.json";

describe("@authstate/baileys", () => {
  const folder = new TestFolder();
  const authstated = new Authstated(new SqliteStore(folder).options);
  before(() => authstated.start());
  after(async () => {
    await authstated.crash();
    folder.remove();
  });

  const loaders: [name: string, load: () => Promise<Package>][] = [
    ["import", () => import(new URL("../../client/node/dist/esm/index.js", import.meta.url).href) as Promise<Package>],
    ["require", async () => createRequire(new URL(CLIENT, import.meta.url))("@authstate/baileys") as Package],
  ];
  for (const [name, load] of loaders) {
    it(`keeps creds and keys when loaded by ${name}`, async () => {
      const { useAuthState, AuthStateError } = await load();
      const { address } = authstated;
      const first = await useAuthState(name, { address });
      await Promise.all([first.saveCreds(), first.state.keys.set({ "lid-mapping": { a: "b" } })]);
      await first.close();

      const second = await useAuthState(name, { address });
      assert.deepEqual(second.state.creds.noiseKey, first.state.creds.noiseKey);
      assert.deepEqual(await second.state.keys.get("lid-mapping", ["a", "absent"]), { a: "b" });
      await second.removeSession();
      await second.close();
      await assert.rejects(useAuthState("no such id!", { address }), (error) => error instanceof AuthStateError);
    });
  }

  it("has one session once in a process that loads both of its copies, whose errors know each other", async () => {
    const [esm, cjs] = await Promise.all(loaders.map(([, load]) => load()));
    assert.ok(esm !== undefined && cjs !== undefined && esm.AuthStateError !== cjs.AuthStateError);
    const { address } = authstated;
    const first = await esm.useAuthState("both", { address });
    await assert.rejects(cjs.useAuthState("both", { address }), (error) => {
      assert.ok(!(error instanceof esm.AuthStateError));
      assert.ok(esm.isAuthStateError(error) && cjs.isAuthStateError(error));
      return error.reason === "ALREADY_OPEN";
    });
    await first.close();
    await (await cjs.useAuthState("both", { address, leaseWaitMs: 0 })).close();
  });
});
