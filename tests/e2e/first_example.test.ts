// Runs the first example of both READMEs as it stands, with the packed package and Baileys from npm in an empty folder.
// Only where its connections lead is changed (redirect_network.mjs).
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { LeaseHeldError, useAuthState } from "../../client/node/dist/esm/index.js";
import { FakeWhatsApp } from "./fake_whatsapp.ts";
import { nodeProgram } from "./node_versions.ts";
import { REPOSITORY, TestFolder } from "./processes.ts";
import { Program } from "./program.ts";
import { type Authstated, withServers } from "./servers.ts";
import { isWhole, onSqlite } from "./stores.ts";

const CLIENT = join(REPOSITORY, "client/node");
const REDIRECT = new URL("redirect_network.mjs", import.meta.url).href;
const SESSIONS = ["sales", "support"];
const NODES = [20, 22];
const LINES = ["baileys@7.0.0-rc14", "baileys@npm:@whiskeysockets/baileys@6.7.24"];
// Each line on the Node beside it, or on both.
const nodesOf = (line: string): number[] => (isWhole ? NODES : [NODES[LINES.indexOf(line)]!]);

function exampleOf(readme: string): string {
  const [, program] = /^```js\n(.*?)^```$/ms.exec(readFileSync(join(REPOSITORY, readme), "utf8")) ?? [];
  return program ?? assert.fail(`${readme} has no example`);
}

// Calls npm as a user would: what an npm that runs this test tells those below it would have them work in its own folder.
function npm(folder: string, ...args: string[]): string {
  const own = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name));
  return execFileSync("npm", args, {
    ...{ cwd: folder, encoding: "utf8", env: Object.fromEntries(own), stdio: ["ignore", "pipe", "pipe"] },
  });
}

function pack({ path }: TestFolder): string {
  // Its scripts would build the package anew, under other tests.
  const packed = npm(CLIENT, "pack", "--ignore-scripts", "--json", "--pack-destination", path);
  return join(path, (JSON.parse(packed) as [{ filename: string }])[0].filename);
}

function install(project: string, ...packages: string[]): void {
  mkdirSync(project);
  // Baileys 6 takes libsignal from a repository; this is the same, from the registry.
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, overrides: { libsignal: "6.0.0" } }));
  npm(project, "install", "--no-audit", "--no-fund", "--prefer-offline", ...packages);
}

function startExample(node: string, folder: string, authstated: Authstated, whatsApp: FakeWhatsApp): Program {
  const [, port = ""] = authstated.address.split(":");
  const env = { ...process.env, AUTHSTATED_PORT: port, WHATSAPP_PORT: String(whatsApp.port) };
  return new Program(node, ["--import", REDIRECT, "index.mjs"], { cwd: folder, env });
}

describe("the first example", { concurrency: true }, () => {
  const folder = new TestFolder();
  const example = exampleOf("client/node/README.md");
  const projectOf = (line: string): string => join(folder.path, `project-${LINES.indexOf(line)}`);

  // All of them at first: while npm works, this process does nothing else.
  before(() => {
    const archive = pack(folder);
    for (const line of LINES) {
      install(projectOf(line), archive, line);
      writeFileSync(join(projectOf(line), "index.mjs"), example);
    }
  });
  after(() => folder.remove());

  it("is the same in both READMEs", () => assert.equal(exampleOf("README.md"), example));

  for (const line of LINES) {
    for (const major of nodesOf(line)) {
      it(`connects, connects again, gives way, stops and is killed with ${line} under Node ${major}`, () =>
        live(projectOf(line), nodeProgram(major)));
    }
  }
});

describe("the package beside @whiskeysockets/baileys alone", () => {
  const OTHER_NAME = "@whiskeysockets/baileys@7.0.0-rc14";
  const PROGRAM = `
    import { AuthStatePool } from "@authstate/baileys";
    const pool = new AuthStatePool({ address: process.argv[2], patienceMs: 0 });
    for (const id of ["a", "b"]) await pool.useAuthState(id).catch(({ message }) => console.log(message));
  `;
  const folder = new TestFolder();
  after(() => folder.remove());

  const run = (...installed: string[]): { stdout: string; stderr: string } => {
    const project = join(folder.path, String(installed.length));
    install(project, pack(folder), ...installed);
    writeFileSync(join(project, "index.mjs"), PROGRAM);
    // Nothing listens there.
    const { stdout, stderr } = spawnSync(process.execPath, ["index.mjs", "127.0.0.1:1"], {
      ...{ cwd: project, encoding: "utf8" },
    });
    return { stdout, stderr };
  };

  it("warns once of the Baileys that npm has added", () => {
    // The newest of the line that npm adds takes packages from repositories; this one leaves the same folders behind.
    const { stderr } = run(OTHER_NAME, "baileys@6.7.24", "--save-exact");
    assert.equal(stderr.match(/\[AUTHSTATE_TWO_BAILEYS\]/g)?.length, 1, stderr);
    assert.match(stderr, /npm install baileys@npm:@whiskeysockets\/baileys@7\.0\.0-rc14/);
  });

  it("names the alias where npm was told to add none", () => {
    const { stdout, stderr } = run(OTHER_NAME, "--legacy-peer-deps");
    assert.match(stdout, /is not installed; .*npm install baileys@npm:@whiskeysockets\/baileys@7\.0\.0-rc14/, stderr);
  });
});

async function live(project: string, node: string): Promise<void> {
  await withServers(onSqlite, 1, async (authstated) => {
    const whatsApp = new FakeWhatsApp();
    const running: Program[] = [];
    const start = (): Program => {
      const example = startExample(node, project, authstated, whatsApp);
      running.push(example);
      return example;
    };
    const openNow = (sessionId: string) => useAuthState(sessionId, { address: authstated.address, leaseWaitMs: 0 });
    try {
      await whatsApp.start();
      const identities: unknown[] = [];
      for (const sessionId of SESSIONS) {
        const auth = await openNow(sessionId);
        await auth.saveCreds();
        await auth.close();
        identities.push(auth.state.creds.noiseKey);
      }

      // Its connections are closed, and made again.
      const first = start();
      await first.until(whatsApp.connected(2 * SESSIONS.length));
      whatsApp.patient = true;
      await first.until(whatsApp.connected(3 * SESSIONS.length));
      assert.equal(await first.stop("SIGTERM"), 0, first.output);

      // A clean stop gave the sessions back: nobody waits for them, neither this test nor the next start.
      for (const [index, sessionId] of SESSIONS.entries()) {
        const auth = await openNow(sessionId);
        assert.deepEqual(auth.state.creds.noiseKey, identities[index]);
        await auth.close();
      }
      const before = whatsApp.connections;
      const second = start();
      await second.until(whatsApp.connected(before + SESSIONS.length));
      assert.doesNotMatch(second.output, /leased/);

      // A session that is lost has no socket any more; the other one keeps its own. Then it is waited for.
      const thief = await useAuthState(SESSIONS[0]!, { address: authstated.address, steal: true });
      await second.until(whatsApp.disconnected(SESSIONS.length - 1));
      await thief.close();
      await second.until(whatsApp.connected(before + SESSIONS.length + 1));

      // One that is killed cannot give anything back: its leases have to end first, and then it is open again.
      await second.stop("SIGKILL");
      for (const sessionId of SESSIONS) {
        await assert.rejects(openNow(sessionId), (error) => {
          assert.ok(error instanceof LeaseHeldError);
          assert.match(error.owner ?? "", new RegExp(`:${second.pid}:`));
          return true;
        });
      }
      const connections = whatsApp.connections;
      const third = start();
      await third.until(whatsApp.connected(connections + SESSIONS.length));
      assert.equal(await third.stop("SIGINT"), 0, third.output);
      for (const [index, sessionId] of SESSIONS.entries()) {
        const auth = await openNow(sessionId);
        assert.deepEqual(auth.state.creds.noiseKey, identities[index]);
        await auth.close();
      }
    } finally {
      await Promise.all(running.map((example) => example.stop("SIGKILL")));
      whatsApp.stop();
    }
  });
}
