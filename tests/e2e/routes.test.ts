// What accounts.test.ts shows of a PostgreSQL reached directly, by the other routes to it.
import { describe, it } from "node:test";
import { tellStory, WHOLE, type Length } from "./account_story.ts";
import { aheadOf, LegacyStore, type PostgresRoute, PostgresStore } from "./stores.ts";

const ROUTES: [PostgresRoute, string][] = [
  ["transaction", "PgBouncer in transaction mode"],
  ["session", "PgBouncer in session mode"],
  ["tls", "TLS with verify-full"],
];

// They carry the same calls, so a part of the story is enough; `./dev fault` tells it whole.
const LENGTH: Length =
  process.env["AUTHSTATE_FAULT_ROUNDS"] === undefined ? { preKeys: 50, rounds: 6, crashes: 2 } : WHOLE;

describe("accounts lose nothing while the server and their own process are killed", () => {
  for (const [route, name] of ROUTES) {
    it(`PostgreSQL through ${name}`, () =>
      tellStory((folder) => PostgresStore.create(folder, route), "baileys", LENGTH));

    it(`the existing tables through ${name}`, () =>
      tellStory((folder) => LegacyStore.create(folder, route), "baileys", LENGTH));

    it(`a file ahead of PostgreSQL through ${name}`, () =>
      tellStory(
        aheadOf((folder) => PostgresStore.create(folder, route)),
        "baileys",
        LENGTH,
      ));
  }
});
