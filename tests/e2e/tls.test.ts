// The Node client over TLS: to an authstated that wants a certificate of it, to servers that it must refuse, and with
// files that change.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { AuthStatePool, isAuthStateError, type TlsOptions } from "../../client/node/dist/esm/index.js";
import { REPOSITORY, TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { SqliteStore } from "./stores.ts";

describe("the client over TLS", () => {
  const folder = new TestFolder();
  const made = (name: string): string => join(folder.path, "tls", name);
  const live = (name: string): string => join(folder.path, name);
  const authstated = new Authstated([
    ...new SqliteStore(folder).options,
    ...["--tls-certificate", made("server.pem"), "--tls-key", made("server.key"), "--tls-client-ca", live("ca.pem")],
  ]);
  const warnings: string[] = [];
  const logger = { debug: () => undefined, warn: (_: object, message: string) => warnings.push(message) };

  // In one step, as those who replace certificates should.
  function put(name: string, place: string): void {
    copyFileSync(made(name), live("next"));
    renameSync(live("next"), live(place));
  }

  before(async () => {
    const script = join(REPOSITORY, "tests/support/make_certificates.sh");
    execFileSync("sh", [script, made("")], { stdio: "pipe" });
    put("ca.pem", "ca.pem");
    await authstated.start();
  });
  after(async () => {
    await authstated.crash();
    folder.remove();
  });
  beforeEach(() => (warnings.length = 0));

  const server = { ca: made("ca.pem"), serverName: "localhost" };
  const client = { certificate: made("client.pem"), key: made("client.key") };

  async function write(pool: AuthStatePool, id: string): Promise<void> {
    const auth = await pool.useAuthState(id);
    await auth.state.keys.set({ "lid-mapping": { "5511": id } });
    await auth.close();
  }

  // What a pool says that does not get through.
  async function refusal(tls: TlsOptions | undefined, address = authstated.address): Promise<string> {
    const pool = new AuthStatePool({ address, patienceMs: 0, ...(tls && { tls }) });
    try {
      await pool.useAuthState("refused");
    } catch (error) {
      assert.ok(isAuthStateError(error) && error.reason === "CONNECTION", String(error));
      return error.message;
    } finally {
      await pool.close();
    }
    throw new Error("it was let in");
  }

  // The same for a server with this certificate.
  async function refusalOf(name: string): Promise<string> {
    const other = createSecureServer({
      cert: readFileSync(made(`${name}.pem`)),
      key: readFileSync(made(`${name}.key`)),
    });
    await once(other.listen(0, "127.0.0.1"), "listening");
    try {
      return await refusal(server, `127.0.0.1:${(other.address() as AddressInfo).port}`);
    } finally {
      other.close();
    }
  }

  it("is let in with a certificate of the authority", async () => {
    const pool = new AuthStatePool({ address: authstated.address, tls: { ...server, ...client } });
    await write(pool, "mutual");
    assert.equal(await pool.exists("mutual"), true);
    await pool.close();
  });

  it("takes its files from the environment, as authstatectl does, where no option says otherwise", async () => {
    const environment = {
      AUTHSTATE_CA: server.ca,
      AUTHSTATE_SERVER_NAME: server.serverName,
      AUTHSTATE_CERT: client.certificate,
      AUTHSTATE_KEY: client.key,
    };
    Object.assign(process.env, environment);
    try {
      const pool = new AuthStatePool({ address: authstated.address });
      await write(pool, "environment");
      await pool.close();
      assert.match(await refusal({ ...client, ca: server.ca }), /has another name/);
      process.env["AUTHSTATE_CA"] = "system";
      assert.match(await refusal(undefined), /is of an unknown authority/);
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name];
    }
    assert.match(await refusal(undefined), /does it want TLS/);
  });

  it("is refused without one, and with one of another authority or that has expired", async () => {
    const refused = /closed by the other side.*certificate \(`tls`\)|does not accept this client's certificate/;
    assert.match(await refusal(server), refused);
    for (const name of ["other-client", "expired-client"]) {
      const tls = { ...server, certificate: made(`${name}.pem`), key: made(`${name}.key`) };
      assert.match(await refusal(tls), refused);
    }
    assert.match(await refusal(undefined), /does it want TLS/);
  });

  it("says what is wrong with the server's certificate", async () => {
    assert.match(await refusal({ ...client, ca: server.ca }), /has another name; .*`tls.serverName`/);
    assert.match(await refusal({ ...server, ca: made("other-ca.pem") }), /is of an unknown authority; check `tls.ca`/);
    assert.match(await refusal({ serverName: "localhost" }), /is of an unknown authority/);
    assert.match(await refusalOf("expired"), /has expired/);
    assert.match(await refusalOf("self-signed"), /is self-signed/);
    assert.match(await refusalOf("elsewhere"), /has another name/);
  });

  it("names the option whose file cannot be used", () => {
    writeFileSync(live("garbage"), "no certificate");
    const refused = (tls: TlsOptions, message: RegExp): void => {
      assert.throws(() => new AuthStatePool({ address: authstated.address, tls }), { message });
    };
    refused({ ca: live("missing") }, /^tls\.ca: ENOENT/);
    refused({ ca: live("garbage") }, /^tls\.ca: /);
    refused({ certificate: client.certificate }, /^tls: `certificate` and `key` are needed together/);
    refused({ ...client, certificate: live("garbage") }, /^tls\.certificate: /);
    refused({ ...client, key: made("server.key") }, /^tls\.key: .*mismatch/);
    refused({ ca: "" }, /^tls\.ca: must be a string/);
  });

  it("takes files that change, and keeps the former ones while they do not fit", async () => {
    put("client.pem", "client.pem");
    put("client.key", "client.key");
    const tls = { ...server, certificate: live("client.pem"), key: live("client.key") };
    const pool = new AuthStatePool({ address: authstated.address, tls, logger });
    const auth = await pool.useAuthState("changing");
    const writeOver = async (value: string): Promise<void> => {
      await authstated.crash();
      await authstated.start();
      await auth.state.keys.set({ "lid-mapping": { "5511": value } });
    };

    put("other-client.pem", "client.pem");
    while (!warnings.some((message) => message.startsWith("new TLS files refused"))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await writeOver("with the former ones");

    put("other-client.key", "client.key");
    put("other-ca.pem", "ca.pem");
    await writeOver("with the new ones");
    await auth.close();
    assert.equal(await pool.exists("changing"), true);
    await pool.close();
  });
});
