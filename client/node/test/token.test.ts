// Where the pool takes its token from, and where it shows it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { inspect } from "node:util";
import { credentials, status } from "@grpc/grpc-js";
import { AuthStatePool } from "../src/auth_state_pool.ts";
import { AuthStateError } from "../src/errors.ts";
import type { AuthStatePoolOptions } from "../src/options.ts";
import { newPool, pacing, second, server, SESSION, warnings, write } from "./support/pool_fixture.ts";

const TOKEN = "as_abcdefghijklmnop_thesecretofthetoken";
const BEARER = `Bearer ${TOKEN}`;

let folder: string;
let file: string;
const put = (text: string): void => writeFileSync(file, text);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "authstate-token-"));
  file = join(folder, "token");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  delete process.env["AUTHSTATE_TOKEN"];
  delete process.env["AUTHSTATE_TOKEN_FILE"];
});

// Uses every way to the server: the stream, calls that stream, and others.
async function useAll(options: AuthStatePoolOptions): Promise<void> {
  const pool = newPool(options);
  const auth = await pool.useAuthState(SESSION);
  await write(auth, "1");
  await auth.close();
  await (await pool.useAuthState(SESSION, { lease: false })).state.keys.get("lid-mapping", ["a"]);
  assert.equal(await pool.exists(SESSION), true);
  await pool.deleteSession(SESSION);
  await pool.close();
}

describe("a token", () => {
  it("is shown with each call and each stream", async () => {
    await useAll({ token: TOKEN });
    assert.ok(server.shown.length >= 5);
    assert.deepEqual(new Set(server.shown), new Set([BEARER]));
  });

  it("is not shown where there is none", async () => {
    await useAll({});
    assert.deepEqual(new Set(server.shown), new Set([""]));
  });

  it("is the first line of a file, which is read again", async () => {
    put(`${TOKEN}\n# of the pool in Lyon\n`);
    const pool = newPool({ tokenFile: file });
    await pool.exists(SESSION);
    put("as_another");
    await pool.exists(SESSION);
    assert.deepEqual(server.shown, [BEARER, "Bearer as_another"]);
  });

  it("stays the former one while its file has none, and says so once", async () => {
    put(TOKEN);
    const pool = newPool({ tokenFile: file });
    for (const text of ["", "", undefined]) {
      if (text === undefined) rmSync(file);
      else put(text);
      await pool.exists(SESSION);
    }
    put("as_another");
    await pool.exists(SESSION);
    assert.deepEqual(server.shown, [BEARER, BEARER, BEARER, "Bearer as_another"]);
    const said = warnings.filter((message) => message.startsWith("no token in its file"));
    assert.equal(said.length, 2, "once of the empty file, and once of none");
  });

  it("is what a function returns, or what it promises", async () => {
    let asked = 0;
    await newPool({ token: () => `as_${++asked}` }).exists(SESSION);
    await newPool({ token: async () => `as_${++asked}` }).exists(SESSION);
    assert.deepEqual(server.shown, ["Bearer as_1", "Bearer as_2"]);
  });

  it("is waited for as in an outage, while the function gives none", async () => {
    const answers: unknown[] = [new Error("the vault is sealed"), "", undefined, TOKEN];
    const token = (): string => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer as string;
    };
    assert.equal(await newPool({ token }).exists(SESSION), false);
    assert.deepEqual(server.shown, [BEARER]);
    assert.equal(pacing.sleeps.length, 3);

    const sealed = newPool({ token: () => Promise.reject(new Error("the vault is sealed")), patienceMs: 1_000 });
    const fails = { code: "UNAVAILABLE", reason: "TOKEN_UNAVAILABLE", message: /gave none: the vault is sealed/ };
    await assert.rejects(sealed.exists(SESSION), fails);
    await assert.rejects(sealed.useAuthState(SESSION), fails);
    await assert.rejects(sealed.deleteSession(SESSION), { ...fails, outcome: "NOT_APPLIED" });
  });

  it("comes from the environment where no option says otherwise", async () => {
    put("as_of_file");
    process.env["AUTHSTATE_TOKEN_FILE"] = file;
    await newPool().exists(SESSION);
    process.env["AUTHSTATE_TOKEN"] = "as_of_environment";
    await newPool().exists(SESSION);
    await newPool({ token: TOKEN }).exists(SESSION);
    await newPool({ tokenFile: file }).exists(SESSION);
    // They may bring a token of their own.
    await newPool({ credentials: credentials.createInsecure() }).exists(SESSION);
    const shown = ["as_of_file", "as_of_environment", TOKEN, "as_of_file"].map((token) => `Bearer ${token}`);
    assert.deepEqual(server.shown, [...shown, ""]);
  });

  it("goes to this machine past the proxy that the environment names", async () => {
    process.env["http_proxy"] = `http://${second.address}`;
    try {
      await newPool({ token: TOKEN, patienceMs: 0 }).exists(SESSION);
    } finally {
      delete process.env["http_proxy"];
    }
    assert.deepEqual(server.shown, [BEARER]);
  });

  it("is part of what pools share a connection by", async () => {
    put(TOKEN);
    const opened = [{}, { token: TOKEN }, { token: TOKEN }, { token: "as_another" }, { tokenFile: file }].map(
      (options, index) => newPool(options).useAuthState(`tenant-${index}`),
    );
    await Promise.all(opened);
    assert.equal(server.streams, 4);
  });

  it("is in nothing that is printed", async () => {
    put(TOKEN);
    process.env["AUTHSTATE_TOKEN"] = TOKEN;
    server.admit = () => ({ code: status.UNAUTHENTICATED, reason: "BAD_TOKEN" });
    for (const options of [{ token: TOKEN }, { token: () => TOKEN }, { tokenFile: file }, {}]) {
      const pool = newPool(options);
      const errors = [pool.exists(SESSION), pool.useAuthState(SESSION)].map((call) =>
        call.catch((error: unknown) => error),
      );
      for (const thing of [
        pool,
        new AuthStatePool({ address: server.address, ...options }),
        ...(await Promise.all(errors)),
      ]) {
        assert.doesNotMatch(inspect(thing, { depth: Infinity, showHidden: true }), /thesecret/);
      }
    }
    assert.doesNotMatch(warnings.join(), /thesecret/);
  });
});

describe("a token that would be sent in plain text", () => {
  const made = (address: string, options: Partial<AuthStatePoolOptions> = {}): Promise<void> =>
    new AuthStatePool({ addresses: ["127.0.0.1:50051", address], token: TOKEN, ...options }).close();

  for (const address of [
    "db-1.internal:50051",
    "10.0.0.1:50051",
    "[2001:db8::1]:50051",
    "[::ffff:10.0.0.1]:50051",
    "localhost.evil.example:50051",
  ]) {
    it(`is refused for ${address}`, () => {
      const refusal = (name: string) => (error: unknown) => {
        assert.ok(error instanceof AuthStateError);
        assert.equal(
          error.message,
          `${name}: would go to ${address} in plain text, where others can read it; give the pool \`tls\``,
        );
        assert.equal(error.reason, "INVALID_FIELD");
        return true;
      };
      assert.throws(() => made(address), refusal("token"));
      assert.throws(() => made(address, { credentials: credentials.createInsecure() }), refusal("token"));
      process.env["AUTHSTATE_TOKEN"] = TOKEN;
      assert.throws(() => new AuthStatePool({ address }), refusal("AUTHSTATE_TOKEN"));
    });

    it(`is taken for ${address} over TLS`, async () => {
      await made(address, { tls: {} });
      await made(address, { credentials: credentials.createSsl() });
    });
  }

  for (const address of [
    "127.8.9.10:1",
    "localhost:1",
    "LocalHost.:1",
    "[::1]:1",
    "[0:0::0:1]:1",
    "[::ffff:127.0.0.1]:1",
  ]) {
    it(`is taken for ${address}, which is this machine`, () => made(address));
  }
});

describe("a token that cannot be one", () => {
  const refused: [what: string, options: () => object, field: string, says: RegExp][] = [
    ["an empty one", () => ({ token: "" }), "token", /printable ASCII without blanks/],
    ["one with its scheme", () => ({ token: BEARER }), "token", /printable ASCII without blanks/],
    ["a number", () => ({ token: 7 }), "token", /must be a token/],
    ["one beside a file", () => ({ token: TOKEN, tokenFile: file }), "token", /cannot be beside `tokenFile`/],
    ["a file that is not there", () => ({ tokenFile: file }), "tokenFile", /ENOENT/],
    ["a file of nothing", () => (put("\n"), { tokenFile: file }), "tokenFile", /must be a token/],
    ["a file of something else", () => (put(`key=${TOKEN} x`), { tokenFile: file }), "tokenFile", /must be a token/],
    ["no path", () => ({ tokenFile: "" }), "tokenFile", /must be the path/],
  ];
  for (const [what, options, field, says] of refused) {
    it(`is refused by name, and not quoted: ${what}`, () => {
      assert.throws(
        () => new AuthStatePool({ address: "127.0.0.1:50051", ...options() }),
        (error) => {
          assert.ok(error instanceof AuthStateError);
          assert.equal(error.field, field);
          assert.match(error.message, says);
          assert.doesNotMatch(error.message, /thesecret/);
          return true;
        },
      );
    });
  }
});
