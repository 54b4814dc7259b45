// Tests what the sessions of one process share, and what the errors say when there is no connection.
import assert from "node:assert/strict";
import dns from "node:dns";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { describe, it, mock } from "node:test";
import { credentials } from "@grpc/grpc-js";
import type { AuthState } from "../src/auth_state.ts";
import { AuthStatePool } from "../src/auth_state_pool.ts";
import { AuthStateError } from "../src/errors.ts";
import { useAuthState } from "../src/use_auth_state.ts";
import { count, newPool, pacing, second, server, SESSION, warnings, write } from "./support/pool_fixture.ts";
import { until } from "./support/until.ts";

const closeAll = (sessions: AuthState[]): Promise<unknown> => Promise.all(sessions.map((auth) => auth.close()));

describe("sessions that are opened one by one", () => {
  it("share one stream, which the last one closes", async () => {
    const { address } = server;
    const sessions = await Promise.all(Array.from({ length: 500 }, (_, i) => useAuthState(`tenant-${i}`, { address })));
    assert.equal(server.streams, 1);
    const [first, ...others] = sessions as [AuthState, ...AuthState[]];
    await closeAll(others);
    assert.equal(server.streams, 1);
    await write(first, "1");
    await first.close();
    await until(() => server.streams === 0);

    // To close it twice must not take the connection from the next one.
    const again = await useAuthState("tenant-0", { address });
    await first.close();
    await write(again, "2");
    await again.close();
  });

  it("share it with the pools of the same servers and credentials alone", async () => {
    const insecure = credentials.createInsecure();
    const sessions = await Promise.all([
      useAuthState("a", { address: server.address }),
      useAuthState("b", { addresses: [server.address], credentials: insecure }),
    ]);
    assert.equal(server.streams, 1);
    sessions.push(await useAuthState("c", { addresses: [server.address, second.address] }));
    assert.equal(server.streams, 2);
    await closeAll(sessions);
  });

  it("do not share it where two made TLS credentials of their own", async () => {
    // Nothing is shared, so nothing that belongs to the one can be closed by the other.
    const pools = [0, 1].map(() => newPool({ credentials: credentials.createSsl() }));
    await pools[0]!.close();
    server.stop();
    await assert.rejects(pools[1]!.useAuthState(SESSION, { patienceMs: 0 }), { reason: "CONNECTION" });
  });

  it("tell of one outage a few times, not once for every session and try", async () => {
    const pool = newPool({ patienceMs: 20_000 });
    const sessions = await Promise.all(Array.from({ length: 50 }, (_, i) => pool.useAuthState(`tenant-${i}`)));
    warnings.length = 0;
    server.stop();
    const start = pacing.now();
    const results = await Promise.allSettled(sessions.map((auth) => write(auth, "1")));
    assert.ok(results.every(({ status }) => status === "rejected"));
    const messages = new Set(warnings).size;
    const intervals = Math.ceil((pacing.now() - start) / 5_000) + 1;
    assert.ok(warnings.length >= 2, "nothing was told");
    assert.ok(warnings.length <= messages * intervals, `${warnings.length} warnings of ${messages} kinds`);
    assert.ok(warnings.length < sessions.length);
  });
});

describe("an address", () => {
  const refused: [address: unknown, says: RegExp][] = [
    ["http://127.0.0.1:50051", /is a URL; write host:port/],
    ["dns:///authstate:50051", /is a URL/],
    ["127.0.0.1", /no host and port; write host:port, such as 127\.0\.0\.1:50051/],
    ["authstate.example", /no host and port/],
    ["::1", /IPv6 address in brackets, such as \[::1\]:50051/],
    ["127.0.0.1:0", /port must be 1 to 65535/],
    ["127.0.0.1:65536", /port must be 1 to 65535/],
    ["127.0.0.1:grpc", /no host and port/],
    ["127.0.0.256:50051", /neither an IP address nor a host name/],
    ["under the sea:50051", /no host and port/],
    ["a..b:50051", /neither an IP address nor a host name/],
    ["[10.0.0.1]:50051", /neither an IP address nor a host name/],
    ["", /no host and port/],
    [50051, /must be a string/],
  ];
  for (const [address, says] of refused) {
    it(`${JSON.stringify(address)} is refused by name, before anything is sent`, () => {
      const fails = (field: string) => (error: unknown) => {
        assert.ok(error instanceof AuthStateError);
        assert.equal(error.code, "INVALID_ARGUMENT");
        assert.equal(error.field, field);
        assert.match(error.message, says);
        return true;
      };
      assert.throws(() => new AuthStatePool({ address: address as string }), fails("address"));
      const addresses = ["127.0.0.1:50051", address as string];
      assert.throws(() => new AuthStatePool({ addresses }), fails("addresses[1]"));
    });
  }

  for (const address of ["127.0.0.1:50051", "localhost:1", "[::1]:50051", "auth-state_1.example.:50051", "db0:50051"]) {
    it(`${address} is taken`, () => new AuthStatePool({ address }).close());
  }

  it("is needed", () => {
    for (const options of [{}, { addresses: [] }]) {
      assert.throws(() => new AuthStatePool(options), { field: "address", message: /is needed: where authstated/ });
    }
  });

  describe("whose name", () => {
    const { lookup: realLookup } = dns.promises;
    const lookingUp = (answer: (host: string) => string | undefined) =>
      mock.method(dns.promises, "lookup", async (host: string, options: dns.LookupOptions) => {
        const code = answer(host);
        if (code !== undefined) throw Object.assign(new Error(`getaddrinfo ${code}`), { code });
        return realLookup(host, options);
      });

    it("does not exist is refused at once", async () => {
      const lookup = lookingUp(() => "ENOTFOUND");
      try {
        const pool = newPool({ addresses: ["authstat:50051", "authstta:50051"] });
        await assert.rejects(pool.useAuthState(SESSION), {
          code: "INVALID_ARGUMENT",
          message: /authstat:50051, authstta:50051: no such host name; check its spelling/,
        });
        // The name is looked up again, for it may have been mended in the meantime.
        assert.equal(lookup.mock.callCount(), 2);
        await assert.rejects(pool.useAuthState(SESSION), { field: "address" });
        assert.equal(lookup.mock.callCount(), 4);
      } finally {
        lookup.mock.restore();
      }
      assert.deepEqual(pacing.sleeps, []);
    });

    it("does not exist is told, and passed by, where another server has one", async () => {
      const lookup = lookingUp((host) => (host === "authstat" ? "ENOTFOUND" : undefined));
      try {
        const pool = newPool({ addresses: [`localhost:${server.address.split(":")[1]}`, "authstat:50051"] });
        await pool.useAuthState(SESSION);
        assert.equal(count("attach"), 1);
        assert.match(warnings.join(), /no such host name/);
      } finally {
        lookup.mock.restore();
      }
    });

    it("cannot be asked for now is waited for", async () => {
      const lookup = lookingUp(() => "EAI_AGAIN");
      try {
        const pool = newPool({ address: "authstate.invalid:50051", patienceMs: 1_000 });
        const message = /authstate\.invalid:50051: the host name could not be resolved.* \(gave up after \d+ attempts/;
        await assert.rejects(pool.useAuthState(SESSION), { code: "UNAVAILABLE", retryable: true, message });
      } finally {
        lookup.mock.restore();
      }
    });
  });
});

describe("an error of the connection", () => {
  const failure = async (options: object): Promise<AuthStateError> => {
    const pool = newPool({ patienceMs: 1_000, ...options });
    const error = await pool.useAuthState(SESSION).then(
      () => assert.fail("it opened"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof AuthStateError);
    assert.equal(error.reason, "CONNECTION");
    assert.doesNotMatch(error.message, /Pipe:|Resolution note|Last error|No connection established/);
    assert.match(error.message, /\(gave up after \d+ attempts? in \d+ ms\)$/);
    return error;
  };

  it("says where, how often it was tried, and what to look at", async () => {
    server.stop();
    const { message } = await failure({});
    assert.match(message, new RegExp(`^(attach: )?authstated at ${server.address}: nothing listens there`));
    assert.match(message, /is authstated running, and is this what its --listen says\?/);
  });

  it("names all servers", async () => {
    server.stop();
    second.stop();
    const both = [server.address, second.address];
    assert.match((await failure({ addresses: both })).message, new RegExp(`\\(one of ${both.join(", ")}\\)`));
  });

  it("says so of a session without a lease, too", async () => {
    server.stop();
    const tool = newPool({ patienceMs: 0 }).useAuthState(SESSION, { lease: false });
    const message = new RegExp(`^GetCreds: authstated at ${server.address}: nothing listens.*after 1 attempt in`);
    await assert.rejects(tool, { message });
  });

  it("tells what is no gRPC server", async () => {
    const web = createHttpServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
    await once(web, "listening");
    try {
      const address = `127.0.0.1:${(web.address() as AddressInfo).port}`;
      assert.match((await failure({ address })).message, /no gRPC server; check the address, and proxies/);
      const credentialsOf = { address, credentials: credentials.createSsl() };
      assert.match((await failure(credentialsOf)).message, /no TLS is spoken there; .*should `tls` be left out/);
    } finally {
      web.close();
    }
  });

  it("tells who hangs up", async () => {
    const rude = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(rude, "listening");
    try {
      const address = `127.0.0.1:${(rude.address() as AddressInfo).port}`;
      assert.match((await failure({ address })).message, /closed by the other side/);
    } finally {
      rude.close();
    }
  });
});
