// Tests what is said of the Baileys that is installed, in folders as npm makes them.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { describeOtherVersion, missingBaileys } from "../src/baileys/baileys_module.ts";

let root: string;
let main: string;

function install(name: string, version: string, under = ""): void {
  const folder = join(root, under, "node_modules", name);
  mkdirSync(join(folder, "lib"), { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name, version, main: "lib/index.js" }));
  writeFileSync(join(folder, "lib/index.js"), "");
}

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "authstate-baileys-")));
  main = join(root, "main.js");
  install("@authstate/baileys", "0.1.0");
});
afterEach(() => rmSync(root, { recursive: true }));

describe("the Baileys that is installed", () => {
  it("is nothing to speak of when it is the only one, or a copy of the same version", () => {
    install("baileys", "7.0.0-rc14");
    assert.equal(describeOtherVersion(main), undefined);
    install("@whiskeysockets/baileys", "7.0.0-rc14");
    assert.equal(describeOtherVersion(main), undefined);
  });

  it("is told when npm has added another version beside @whiskeysockets/baileys", () => {
    install("@whiskeysockets/baileys", "7.0.0-rc14");
    install("baileys", "6.17.16");
    const said = describeOtherVersion(main) ?? "";
    assert.match(said, /works with 6\.17\.16 .*can load @whiskeysockets\/baileys 7\.0\.0-rc14/);
    assert.match(
      said,
      /npm uninstall @whiskeysockets\/baileys && npm install baileys@npm:@whiskeysockets\/baileys@7\.0\.0-rc14$/,
    );
    assert.ok(said.includes(join(root, "node_modules/baileys")));
  });

  it("is told when this package has a version of its own", () => {
    install("baileys", "7.0.0-rc14");
    install("baileys", "6.7.24", "node_modules/@authstate/baileys");
    assert.match(describeOtherVersion(main) ?? "", /works with 6\.7\.24 .*can load baileys 7\.0\.0-rc14.* one of them/);
  });

  it("is asked for when it is missing", () => {
    const { message, reason } = missingBaileys(main);
    assert.match(message, /is not installed; npm install baileys$/);
    assert.equal(reason, "BAILEYS_MISSING");
  });

  it("is asked for by the alias that npm takes, where it has its other name", () => {
    install("@whiskeysockets/baileys", "6.7.24");
    const { message } = missingBaileys(main);
    assert.match(message, /6\.7\.24 is there, .*: npm install baileys@npm:@whiskeysockets\/baileys@6\.7\.24$/);
  });
});
