// deploy/ecosystem.config.cjs under a real PM2, with the programs and the place of the store put in.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Pm2 } from "./pm2.ts";
import { freePort, REPOSITORY, TestFolder } from "./processes.ts";
import { AUTHSTATED, runControl } from "./servers.ts";

const POLL_MS = 50;

interface App {
  name: string;
  script: string;
  args?: string[];
}

interface Running {
  pid: number;
  pm2_env: { exit_code?: number; restart_time: number };
}

describe("deploy/ecosystem.config.cjs", () => {
  const folder = new TestFolder();
  const pm2 = new Pm2(join(folder.path, "pm2"));
  after(async () => {
    await pm2.kill();
    folder.remove();
  });

  const listed = async (): Promise<Running[]> => JSON.parse((await pm2.run("jlist")).stdout) as Running[];

  it("serves until it is stopped, ends cleanly, and stays down where a bad option keeps it", async () => {
    const { apps } = createRequire(import.meta.url)(join(REPOSITORY, "deploy/ecosystem.config.cjs")) as { apps: App[] };
    const authstated = apps.find(({ name }) => name === "authstated")!;
    assert.equal(authstated.script, "/usr/bin/authstated");
    const address = `127.0.0.1:${await freePort()}`;
    const file = join(folder.path, "ecosystem.config.cjs");
    const start = async (...words: string[]): Promise<unknown> => {
      const place = authstated.args!.map((word) => (word.endsWith(".db") ? join(folder.path, "authstate.db") : word));
      const app = {
        ...authstated,
        script: AUTHSTATED,
        args: [...place, "--listen", address, "--http-listen=off", ...words],
      };
      writeFileSync(file, `module.exports = ${JSON.stringify({ apps: [app] })};`);
      return pm2.run("start", file);
    };
    // PM2 forgets the process of what it does not start again. Its status tells nothing: that is `waiting restart` all the same.
    const ended = async (): Promise<Running["pm2_env"]> => {
      for (;;) {
        const [{ pid, pm2_env: env }] = (await listed()) as [Running];
        if (pid === 0 && env.exit_code !== undefined) return env;
        await sleep(POLL_MS);
      }
    };

    await start();
    const health = (): Promise<string> => runControl("--address", address, "server", "health");
    while ((await health().catch(() => "")).trim() !== "serving") await sleep(POLL_MS);
    await pm2.run("stop", "authstated");
    const { exit_code: code, restart_time: restarts } = await ended();
    assert.deepEqual([code, restarts], [0, 0]);
    await pm2.run("delete", "authstated");

    await start("--no-such-option");
    const refused = await ended();
    assert.deepEqual([refused.exit_code, refused.restart_time], [2, 0]);
  });
});
