import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { failure, open, server, SESSION } from "./support/auth_state_fixture.ts";

describe("removeSession", () => {
  it("deletes the session after the writes before it, and refuses every write from then on", async () => {
    const { state, saveCreds, removeSession } = await open();
    const release = server.hold();
    const save = saveCreds();
    const removal = removeSession();
    await assert.rejects(saveCreds(), failure({ code: "FAILED_PRECONDITION", reason: "SESSION_REMOVED" }));
    release();
    await Promise.all([save, removal]);
    await assert.rejects(
      async () => state.keys.set({ "lid-mapping": { a: "1" } }),
      failure({ reason: "SESSION_REMOVED" }),
    );
    assert.equal(server.sessions.has(SESSION), false);
  });

  it("ends the auth state, so that close has nothing left to do", async () => {
    const { saveCreds, removeSession, close } = await open();
    await removeSession();
    await close();
    await assert.rejects(saveCreds(), failure({ reason: "SESSION_REMOVED" }));
  });

  it("takes a session that is not there for done", async () => {
    const { removeSession } = await open();
    await removeSession();
  });

  it("may be called again after it failed", async () => {
    const { saveCreds, removeSession } = await open();
    await saveCreds();
    server.failNext("DeleteSession", { code: status.PERMISSION_DENIED });
    await assert.rejects(removeSession(), failure({ code: "PERMISSION_DENIED" }));
    await saveCreds();
    await removeSession();
    assert.equal(server.sessions.has(SESSION), false);
  });
});

describe("close", () => {
  it("waits for the writes under way, then refuses", async () => {
    const { state, saveCreds, close } = await open();
    const writes = [saveCreds(), state.keys.set({ "lid-mapping": { a: "1" } })];
    await close();
    await Promise.all(writes);
    assert.equal(server.session(SESSION).keys.size, 1);
    await assert.rejects(saveCreds(), failure({ code: "FAILED_PRECONDITION", reason: "CLOSED" }));
    await assert.rejects(async () => state.keys.get("session", ["a"]), failure({ reason: "CLOSED" }));
    await close();
  });

  it("rejects when a write that it waited for failed", async () => {
    const { saveCreds, close } = await open();
    server.failNext("Commit", { code: status.RESOURCE_EXHAUSTED, reason: "DISK_FULL" });
    const save = saveCreds();
    const closed = close();
    await assert.rejects(save, failure({ reason: "DISK_FULL" }));
    await assert.rejects(closed, failure({ reason: "DISK_FULL" }));
  });
});
