// The status page and `authstatectl top` of a server that has something in every part of them, and of the same one once it is gone.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { fits, launch, open, PHONE, says, skip, takePicture, textOf } from "./status_browser.ts";
import { StatusWorld } from "./status_world.ts";

// What each part says, or more of it; ⚠ stands before what needs a look.
const CARDS: Record<string, RegExp[]> = {
  store: [/name\s+timeweb/, /layout\s+native/, /answers\s+yes/],
  sessions: [
    ...[/in the store\s+8/, /^paired\s+3/m, /code-requested\s+1/, /half-paired\s+1/, /unpaired\s+1/, /orphaned\s+1/],
    ...[/damaged\s+1/, /idle for a week\s+1/],
  ],
  leases: [/held\s+\d/, /gained here\s+1/],
  backup: [/last one\s+.* ago/, /it lacks\s+1/, /restored on trial\s+9 days ago/],
  maintenance: [
    /state\s+since .* ago/,
    /reason\s+a new disk for the database/,
    /held\s+1 call$/m,
    /refused\s+1 call$/m,
  ],
  safety: [
    /encryption\s+on, key first/,
    /audit log\s+is written/,
    /records lost\s+0/,
    /certificate\s+expires in 3 days/,
  ],
  behind: [/lag\s+\d+ (s|min) of 60 min/, /to be flushed\s+1 commit of 1 session$/m, /at home here\s+1 session$/m],
  others: [/supabase\s+asked .* ago/],
  callers: [/transport\s+TLS/, /processes\s+1/, /open sessions\s+1/],
  ended: [/NOT_FOUND\s+1/, /DATA_LOSS\s+1/, /UNAVAILABLE\s+1/],
};
const MARKED = [
  ...["code-requested", "half-paired", "orphaned", "damaged", "it lacks", "restored on trial", "state", "certificate"],
  "DATA_LOSS",
];
const ATTENTION = [
  /Maintenance since .* ago: a new disk for the database/,
  /The certificate expires in 3 days/,
  /The last backup lacks 1 session/,
  /No backup was restored on trial for 9 days\s+authstatectl backup drill/,
  /1 answer of DATA_LOSS: something stored is not what was written\s+authstatectl store verify/,
  /Sessions: 1 half-paired, 1 code-requested, 1 orphaned, 1 damaged\s+authstatectl session list --state half-paired,/,
];
const TOP = [
  /serving since/,
  /! maintenance +since .* ago: a new disk for the database/,
  /held calls +1\n/,
  /refused calls +1\n/,
  /supabase +asked .* ago/,
  /to be flushed +1 commit of 1 session\n/,
  /at home here +1 session\n/,
  /! half-paired +1\n/,
  /! it lacks +1\n/,
  /! restored +on trial 9 days ago/,
  /! certificate +expires in 3 days/,
  /records lost +0\n/,
  /! DATA_LOSS +1\n/,
  // At the top, whichever part of it the screen has room for.
  /^.*\n +serving since .*\n! Sessions +code-requested 1\n(! .*\n)+! Callers +DATA_LOSS 1\n\n/,
];

describe("the status of a server with something in every part of it", { skip }, () => {
  const world = new StatusWorld();
  let browser: Browser;
  before(async () => {
    await world.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await world.stop();
  });
  const isAllTold = (page: Page): Promise<void> => says(page, "#card-sessions", "damaged");

  it("is on the page, what needs a look is marked, and the most urgent stands at the top", async () => {
    const { page, violations } = await open(browser, `${world.origin}/status`);
    await says(page, "#serving", "✓ Serving since");
    await isAllTold(page);
    for (const [card, expected] of Object.entries(CARDS)) {
      for (const text of expected) assert.match(await textOf(page, `#card-${card}`), text);
    }
    // On a busy machine the lag may have become so long that it is marked as well.
    const marked = await page.locator("dt:has(+ dd.warn)").allInnerTexts();
    assert.deepEqual(
      marked.filter((name) => name !== "lag"),
      MARKED,
    );
    const attention = await textOf(page, "#attention");
    for (const text of ATTENTION) assert.match(attention, text);
    assert.deepEqual(await violations(), []);
    await page.close();
  });

  it("is in a terminal too", async () => {
    const top = await world.top();
    for (const text of TOP) assert.match(top, text);
  });

  it("fits a phone and a desk, and stands out enough, in the light and in the dark", async () => {
    await fits(browser, `${world.origin}/status`, isAllTold, "full");
  });

  it("stays on the page when the server is stopped, which the page says", async () => {
    const { page } = await open(browser, `${world.origin}/status`, PHONE);
    await isAllTold(page);
    await world.stopServer();
    await says(page, "#lost", "✗ The server does not answer");
    await says(page, "#serving", "Nobody knows whether it serves");
    await says(page, "#card-maintenance", "a new disk for the database");
    await takePicture(page, "full-phone-lost");
    await page.close();
  });
});
