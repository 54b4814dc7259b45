/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
// The status page in a real Chromium: what it shows, that it says when it has lost its server, and that it loads nothing from
// elsewhere.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { freePort, REPOSITORY, TestFolder } from "./processes.ts";
import { Authstated, runControl } from "./servers.ts";
import { fits, launch, open, PHONE, says, skip, takePicture, textOf } from "./status_browser.ts";
import { SqliteStore } from "./stores.ts";

const PAIRED = JSON.stringify({ account: {}, me: { id: "5511999990001:12@s.whatsapp.net" } });
const HALF_PAIRED = JSON.stringify({ me: { id: "5511999990002:12@s.whatsapp.net" } });

describe("the status page", { skip }, () => {
  const folder = new TestFolder();
  const store = new SqliteStore(folder);
  let browser: Browser;
  let authstated: Authstated;
  let origin: string;

  before(async () => {
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    authstated = new Authstated([...store.options, "--http-listen", `127.0.0.1:${port}`]);
    await authstated.start();
    await authstated.control("creds", "set", "sales", PAIRED);
    await authstated.control("creds", "set", "support", HALF_PAIRED);
    // Counted is what there is when the server starts, and then once a minute.
    await authstated.stop();
    await authstated.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await authstated?.crash();
    folder.remove();
  });

  it("shows how the server is, loads nothing else, and breaks no rule that the server gave it", async () => {
    const { page, requests, violations } = await open(browser, `${origin}/status`);
    await says(page, "#serving", "✓ Serving since");
    await says(page, "#card-sessions", "half-paired");
    assert.match(await textOf(page, "#card-sessions"), /in the store\s+2[^]*paired\s+1[^]*half-paired\s+⚠? ?1/);
    assert.match(
      await textOf(page, "#attention"),
      /Sessions: 1 half-paired\s+authstatectl session list --state half-paired/,
    );
    assert.match(await textOf(page, "#card-store"), /sqlite[^]*authstate\.db[^]*answers\s+yes/);
    assert.match(await textOf(page, "#card-others"), /configured\s+none/);
    assert.match(await textOf(page, "#card-backup"), /--backup-metrics/);
    assert.match(await textOf(page, "header"), new RegExp(`^authstate\\s+${new URL(origin).host}, version `));
    await says(page, "#plot-latency", "p99");
    await page.locator("#plot-latency path.p99[d^=M]").waitFor({ state: "attached" });
    assert.deepEqual(await violations(), []);
    const own = [...requests].filter((url) => !url.startsWith("data:"));
    assert.deepEqual(new Set(own), new Set([`${origin}/status`, `${origin}/status.json`]));
    await page.close();
  });

  it("refreshes itself", async () => {
    const { page } = await open(browser, `${origin}/status`);
    await says(page, "#card-leases", "gained here");
    assert.match(await textOf(page, "#card-leases"), /gained here\s+0/);
    await authstated.control("lease", "acquire", "sales", "--owner", "test", "--ttl", "1s");
    await says(page, "#card-leases", "gained here1");
    await page.close();
  });

  it("is told apart in parts, each of which has a name, and is another in the dark than in the light", async () => {
    const { page } = await open(browser, `${origin}/status`);
    await says(page, "#card-sessions", "half-paired");
    const paper: string[] = [];
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      paper.push(await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor));
    }
    assert.notEqual(paper[0], paper[1]);
    for (const landmark of ["banner", "main", "contentinfo"] as const) {
      assert.equal(await page.getByRole(landmark).count(), 1, landmark);
    }
    const nameless = await page.locator("section, svg[role=img], ul:not(.legend)").evaluateAll((parts) =>
      parts
        .filter((part) => {
          const title = document.getElementById(part.getAttribute("aria-labelledby") ?? "")?.textContent;
          return !(part.getAttribute("aria-label") ?? title);
        })
        .map((part) => part.outerHTML),
    );
    assert.deepEqual(nameless, []);
    await page.close();
  });

  it("fits a phone and a desk, and stands out enough, in the light and in the dark", async () => {
    await fits(browser, `${origin}/status`, (page) => says(page, "#card-sessions", "half-paired"), "quiet");
  });

  it("says that it has lost the server, and that it has found it again", async () => {
    const { page, violations } = await open(browser, `${origin}/status`, PHONE);
    await says(page, "#serving", "Serving");
    await authstated.crash();
    await says(page, "#lost", "✗ The server does not answer");
    assert.match(await page.title(), /^✗ no answer/);
    await says(page, "#serving", "Nobody knows");
    await says(page, "#when", "no answer for");
    assert.ok(await page.locator("#told").isVisible(), "what was known stays");
    await takePicture(page, "quiet-phone-lost");
    await authstated.start();
    await page.locator("#lost").waitFor({ state: "hidden" });
    await says(page, "#serving", "Serving");
    assert.match(await page.title(), /^✓/);
    assert.deepEqual(await violations(), []);
    await page.close();
  });

  it("asks for a token where the server wants to know who asks", async () => {
    const made = (name: string): string => join(folder.path, "made", name);
    execFileSync("sh", [join(REPOSITORY, "tests/support/make_certificates.sh"), made("")], { stdio: "pipe" });
    const guarded = new SqliteStore(folder).options.map((word) => word.replace("authstate.db", "guarded.db"));
    const token = async (...terms: string[]): Promise<string> =>
      (await runControl("token", "create", "--quiet", "--label", "test", ...terms, ...guarded)).trim();
    const port = await freePort();
    const once = new Authstated(guarded);
    await once.start();
    await once.stop();
    const admin = await token("--rights", "admin");
    const reader = await token("--read", "--session", "nobody");
    const server = new Authstated([
      ...[...guarded, "--http-listen", `0.0.0.0:${port}`],
      ...["--tls-certificate", made("server.pem"), "--tls-key", made("server.key")],
    ]);
    await server.start();
    try {
      const { page, violations } = await open(browser, `https://127.0.0.1:${port}/status`, PHONE);
      await says(page, "#login", "A token with the right admin");
      await takePicture(page, "phone-login");
      await page.fill("#token", reader);
      await page.press("#token", "Enter");
      await says(page, "#refused", "Refused: the caller does not have the right it takes");
      await page.fill("#token", admin);
      await page.click("#login button");
      await says(page, "#serving", "✓ Serving since");
      assert.ok(!(await page.locator("#login").isVisible()));
      assert.deepEqual(await violations(), []);
    } finally {
      await server.crash();
    }
  });
});
