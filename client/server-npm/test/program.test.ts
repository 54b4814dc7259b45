// Which program is taken, and what is said where there is none.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findProgram, NoProgramError } from "../src/program.ts";

const folder = mkdtempSync(join(tmpdir(), "authstate-program-"));
const description = join(folder, "package.json");
const installed = (): string => description;
const absent = (): never => {
  throw new Error("Cannot find module");
};
const debian = { platform: "linux", arch: "x64", glibc: "2.36" };

const refused =
  (message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof NoProgramError);
    assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"));
    return true;
  };

describe("the program", () => {
  const named = process.env["AUTHSTATE_SERVER_PROGRAM"];
  before(() => {
    delete process.env["AUTHSTATE_SERVER_PROGRAM"];
    writeFileSync(description, JSON.stringify({ authstate: { glibc: "2.36" } }));
  });
  after(() => {
    rmSync(folder, { recursive: true });
    if (named !== undefined) process.env["AUTHSTATE_SERVER_PROGRAM"] = named;
  });

  it("is that of the platform's package", () => {
    assert.equal(findProgram(debian, installed), join(folder, "bin/authstated"));
    assert.equal(findProgram({ ...debian, glibc: "2.41" }, installed), join(folder, "bin/authstated"));
    assert.equal(findProgram({ ...debian, glibc: "3.0" }, installed), join(folder, "bin/authstated"));
  });

  it("is missing on another platform, without its package, and without glibc of that age", () => {
    for (const here of [
      { platform: "darwin", arch: "arm64", glibc: undefined },
      { ...debian, arch: "arm64" },
    ]) {
      assert.throws(() => findProgram(here, installed), refused(/no program for \w+-arm64, but for linux-x64 alone/));
    }
    assert.throws(
      () => findProgram(debian, absent),
      refused(/server-linux-x64 is not installed: npm was told to leave/),
    );
    assert.throws(() => findProgram({ ...debian, glibc: undefined }, installed), refused(/another C library/));
    assert.throws(() => findProgram({ ...debian, glibc: "2.35" }, installed), refused(/2\.36 or newer.* has 2\.35/));
    assert.throws(() => findProgram({ ...debian, glibc: "2.4" }, installed), refused(/has 2\.4 /));
  });

  it("is the one that the environment names, which has to be there", () => {
    process.env["AUTHSTATE_SERVER_PROGRAM"] = description;
    assert.equal(findProgram({ platform: "darwin", arch: "arm64", glibc: undefined }, absent), description);
    process.env["AUTHSTATE_SERVER_PROGRAM"] = join(folder, "none");
    assert.throws(() => findProgram(debian, installed), refused(/AUTHSTATE_SERVER_PROGRAM: there is no file/));
    delete process.env["AUTHSTATE_SERVER_PROGRAM"];
  });
});
