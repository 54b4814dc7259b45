// Two accounts of real Baileys keep everything they have in authstated, while its process and their own are killed.
import { describe, it } from "node:test";
import { type Length, tellStory, WHOLE } from "./account_story.ts";
import { aheadOf, isWhole, onLegacy, onPostgres, onSqlite } from "./stores.ts";

const LENGTH: Length = isWhole ? WHOLE : { ...WHOLE, rounds: 40, crashes: 4 };

describe("accounts lose nothing while the server and their own process are killed", () => {
  it("Baileys 7 on the existing tables", () => tellStory(onLegacy, "baileys", LENGTH));

  it("Baileys 7 on a file ahead of PostgreSQL", () => tellStory(aheadOf(onPostgres), "baileys", LENGTH));

  it("Baileys 6.7 on SQLite", () => tellStory(onSqlite, "baileys-6", { ...WHOLE, rounds: 30, crashes: 3 }));

  if (!isWhole) return;

  it("Baileys 7 on SQLite", () => tellStory(onSqlite, "baileys", WHOLE));

  it("Baileys 7 on PostgreSQL", () => tellStory(onPostgres, "baileys", WHOLE));

  it("Baileys 6.7 on a file ahead of the existing tables", () =>
    tellStory(aheadOf(onLegacy), "baileys-6", { ...WHOLE, rounds: 30, crashes: 3 }));
});
