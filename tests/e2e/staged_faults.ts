// What it takes to have faults that time, a disk or an upgrade bring: certificates of another day, a clock that is wrong for the
// programs of a test, a disk that is soon full, and a server of another version.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

// A little more than AuthstateDiskFull wants to have free.
const SMALL_DISK = "264m";
const MOUNT = `mount -t tmpfs -o size=${SMALL_DISK} authstate-test "$1"; shift; exec "$@"`;
const MEGABYTE = Buffer.alloc(1 << 20);

// Runs `work` while programs that are started have a clock that is wrong by `offset`, as libfaketime takes it: `-27h`.
export async function withClock<T>(offset: string, work: () => T | Promise<T>): Promise<T> {
  const [library] = readdirSync("/usr/lib")
    .map((name) => join("/usr/lib", name, "faketime/libfaketimeMT.so.1"))
    .filter((path) => spawnSync("test", ["-e", path]).status === 0);
  assert.ok(library !== undefined, "libfaketime is not installed; run ./dev deps test");
  const { LD_PRELOAD: before } = process.env;
  Object.assign(process.env, { LD_PRELOAD: library, FAKETIME: offset });
  try {
    return await work();
  } finally {
    delete process.env["FAKETIME"];
    if (before === undefined) delete process.env["LD_PRELOAD"];
    else process.env["LD_PRELOAD"] = before;
  }
}

// Makes `base`.pem, of a server named localhost, with its key: valid for so many days from now by the clock of programs.
export function makeCertificate(base: string, days: number): void {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", `${base}.key`];
  const name = ["-subj", "/CN=authstate test", "-addext", "subjectAltName=DNS:localhost"];
  execFileSync("openssl", ["req", "-x509", ...key, ...name, "-days", String(days), "-out", `${base}.pem`], {
    stdio: "pipe",
  });
}

// Puts it in the place of the certificate and key that a server reads, each in one step.
export function putCertificate(base: string, place: string): void {
  for (const suffix of ["pem", "key"]) {
    copyFileSync(`${base}.${suffix}`, `${place}.next`);
    renameSync(`${place}.next`, `${place}.${suffix}`);
  }
}

// What a program's command line begins with so that `folder` is a small disk for it, and for nobody else: as root, or else in a
// user namespace.
export function onSmallDisk(folder: string): string[] {
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-current-user", "--keep-caps"];
  return ["unshare", "--mount", "--propagation", "private", ...user, "/bin/sh", "-euc", MOUNT, "sh", folder];
}

// Why there can be no small disk here; false where there can.
export function noSmallDisk(folder: string): string | false {
  const [program, ...words] = onSmallDisk(folder);
  const { status, stderr } = spawnSync(program!, [...words, "true"], { encoding: "utf8" });
  return status === 0 ? false : `nothing may be mounted here: ${stderr}`;
}

// Writes to a file until its disk takes no more.
export function fillDisk(path: string): void {
  const file = openSync(path, "w");
  try {
    for (;;) writeSync(file, MEGABYTE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(file);
  }
}

// Makes a copy of a program of ours at `path` that is of another version by its own words, and the same in all else.
export function makeOtherVersion(program: string, path: string): void {
  const own = execFileSync(program, ["--version"], { encoding: "utf8" }).trim().split(" ").at(-1)!;
  const other = own.replace(/\d/, (digit) => String((Number(digit) + 1) % 10));
  const bytes = readFileSync(program);
  let found = 0;
  for (let at = bytes.indexOf(`${own}\0`); at >= 0; at = bytes.indexOf(`${own}\0`, at + 1)) {
    bytes.write(other, at);
    found++;
  }
  assert.ok(found > 0, `${program} does not hold ${own}`);
  writeFileSync(path, bytes, { mode: 0o755 });
}
