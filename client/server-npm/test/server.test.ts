// A server beside a bot: it starts, serves, and stops with the bot, however that ends.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { after, describe, it } from "node:test";
import { ServerStartError, startServer } from "../src/index.ts";

const REPOSITORY = join(__dirname, "../../..");
process.env["AUTHSTATE_SERVER_PROGRAM"] = join(
  process.env["AUTHSTATE_BIN_DIR"] ?? join(REPOSITORY, "build/bin"),
  "authstated",
);

const folder = mkdtempSync(join(tmpdir(), "authstate-server-test-"));
const bots = new Set<ChildProcess>();
after(() => {
  for (const bot of bots) bot.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});

let stores = 0;
const newStore = (): string => join(folder, `${(stores += 1)}.db`);

// What this uses of @authstate/baileys.
interface Pool {
  useAuthState(id: string): Promise<{ saveCreds(): Promise<void> }>;
  exists(id: string): Promise<boolean>;
  close(): Promise<void>;
}

async function newPool(address: string): Promise<Pool> {
  const client = (await import(join(REPOSITORY, "client/node/dist/cjs/index.js"))) as {
    AuthStatePool: new (options: { address: string }) => Pool;
  };
  return new client.AuthStatePool({ address });
}

// A process of a program, in a group of its own as a shell has it, with the lines that it prints.
function startProgram(...args: string[]): { bot: ChildProcess; nextLine: () => Promise<string> } {
  const bot = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], detached: true });
  bots.add(bot);
  bot.once("exit", () => bots.delete(bot));
  const lines = createInterface(bot.stdout as Readable)[Symbol.asyncIterator]();
  return { bot, nextLine: async () => (await lines.next()).value ?? "" };
}

// A bot that starts a server, prints its process id and address, and then does what `then` says.
function startBot(then: string): ReturnType<typeof startProgram> {
  return startProgram(
    ...["--input-type=commonjs", "--eval"],
    `require(${JSON.stringify(join(__dirname, "../dist/index.js"))})
      .startServer({ store: ${JSON.stringify(newStore())} })
      .then(async (server) => { console.log(server.pid + " " + server.address); ${then} });`,
  );
}

// Waits until a process that is not a child of this one has ended. A zombie, whose parent is gone, has.
async function hasEnded(pid: number): Promise<void> {
  for (;;) {
    try {
      if (/^\d+ \(.*\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))) return;
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("startServer", () => {
  it("serves a pool on a socket of this account alone, until it is stopped", async () => {
    const server = await startServer({ store: newStore() });
    assert.match(server.address, /^unix:\/.*\/socket$/);
    const pool = await newPool(server.address);
    const auth = await pool.useAuthState("a");
    await auth.saveCreds();
    await pool.close();
    await server.stop();
    assert.deepEqual(await server.ended, { code: 0, signal: null });
    assert.ok(!existsSync(dirname(server.address.slice("unix:".length))));
    await server.stop();
  });

  it("keeps what was stored for the next one, on a port too", async () => {
    const store = newStore();
    for (const existed of [false, true]) {
      const server = await startServer({ store, listen: "127.0.0.1:0" });
      assert.match(server.address, /^127\.0\.0\.1:\d+$/);
      const pool = await newPool(server.address);
      assert.equal(await pool.exists("a"), existed);
      await (await pool.useAuthState("a")).saveCreds();
      await pool.close();
      await server.stop();
    }
  });

  it("tells in one line why it did not start", async () => {
    const wrong = startServer({ store: newStore(), args: ["--cache-bytes", "x"], onLog: () => undefined });
    await assert.rejects(wrong, (error) => {
      assert.ok(error instanceof ServerStartError);
      assert.equal(error.exitCode, 2);
      assert.match(error.message, /^authstated ended before it served \(exit code 2\): authstated: --cache-bytes/);
      return true;
    });
  });

  it("hands the log to whoever wants it", async () => {
    const lines: string[] = [];
    const server = await startServer({ store: newStore(), onLog: (line) => void lines.push(line) });
    await server.stop();
    assert.ok(lines.some((line) => (JSON.parse(line) as { message: string }).message === "ready"));
  });

  for (const [how, then] of [
    ["falls asleep and is killed", "setInterval(() => {}, 1000);"],
    ["has nothing more to do", ""],
    ["exits", "process.exit(3);"],
    ["throws", "setImmediate(() => { throw new Error('a test'); });"],
  ]) {
    it(`stops with a bot that ${how}`, async () => {
      const { bot, nextLine } = startBot(then as string);
      const [pid, address] = (await nextLine()).split(" ") as [string, string];
      if (how?.endsWith("killed")) bot.kill("SIGKILL");
      await hasEnded(Number(pid));
      if (!how?.endsWith("killed")) assert.ok(!existsSync(dirname(address.slice("unix:".length))));
    });
  }

  it("outlives Ctrl-C for as long as the bot needs to close", async () => {
    const { bot, nextLine } = startBot(`
      const beat = setInterval(() => {}, 1000);
      process.once("SIGINT", async () => {
        console.log(require("node:fs").existsSync(server.address.slice(5)) ? "still there" : "gone");
        await server.stop();
        console.log("stopped");
        clearInterval(beat);
      });
      console.log("waits");`);
    const [pid] = (await nextLine()).split(" ");
    assert.equal(await nextLine(), "waits");
    // To the whole group, as a terminal does it.
    process.kill(-(bot.pid as number), "SIGINT");
    assert.equal(await nextLine(), "still there");
    assert.equal(await nextLine(), "stopped");
    await hasEnded(Number(pid));
  });
});

describe("npx @authstate/server", () => {
  const program = join(__dirname, "../bin/authstated.js");

  it("is authstated, with its options and exit codes", async () => {
    const { bot, nextLine } = startProgram(program, "--version");
    const exited = once(bot, "exit");
    assert.match(await nextLine(), /^authstated \d+\.\d+\.\d+$/);
    assert.deepEqual(await exited, [0, null]);
  });

  it("passes a signal on, and ends as the server ends", async () => {
    const { bot, nextLine } = startProgram(
      program,
      "--listen",
      "127.0.0.1:0",
      "--sqlite-path",
      newStore(),
      "--log-level",
      "error",
    );
    assert.match(await nextLine(), /^authstated ready on /);
    const exited = once(bot, "exit");
    bot.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  });
});
