// The smoke run of the benchmark tests that it measures and reports every row that needs nothing beyond PostgreSQL and
// Node. It judges no figure.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Program } from "../e2e/program.ts";
import { isPostgrestHere } from "../tables/databases.ts";
import type { ReportLine } from "./row.ts";

const BENCH = fileURLToPath(new URL("bench.ts", import.meta.url));

async function runBench(...args: string[]): Promise<{ code: number | null; output: string }> {
  const bench = new Program(process.execPath, ["--import", "tsx", BENCH, ...args], { cwd: process.cwd() });
  return { code: await bench.ended, output: bench.output };
}

const everybody = ["pg-adapter", "multi-file"];
const secured = ["authstate-sealed", "authstate-tls", "authstate-sealed-tls"];
const EXPECTED: Record<string, string[]> = {
  ...Object.fromEntries(
    ["1.5kB", "10kB", "100kB"].flatMap((size) =>
      [1, 64].map((count) => [`incoming-message/${size}/${count}`, everybody]),
    ),
  ),
  "incoming-message/10kB/64": [...everybody, ...secured],
  "group-send-steady": everybody,
  "group-send-first/100": everybody,
  "prekey-upload/812": everybody,
  "get-one": everybody,
  "set-one": [...everybody, ...secured],
  "restart/1000x500": [...everybody, ...secured],
  "pool/100": everybody,
  "pool/1000": ["pg-adapter", "self"],
  "pool/10000": ["pg-adapter", "self"],
  "wal-bytes/100kB": ["pg-adapter"],
  "server-memory/10000": ["self"],
  "unary-getkeys-cached": ["grpc-echo"],
  "unary-getkeys-scraped": ["self"],
  "commit-one-key/256": ["pgbench"],
  "locked-sessions/8": ["self"],
  "scraped-memory/10000": ["self"],
  "scrape-processor/10000": ["self"],
  ...Object.fromEntries(
    ["postgres", "sqlite"].flatMap((kind) =>
      [
        "list-stale",
        ...["commits-beside-one-listing", "commits-beside-listing"].flatMap((name) =>
          ["", "-p50", "-p99"].map((figure) => `${name}${figure}`),
        ),
      ].map((name) => [`${name}/100000/${kind}`, ["self"]]),
    ),
  ),
  ...Object.fromEntries(
    ["1ms", "5ms"].flatMap((delay) =>
      [
        ...["incoming-message/10kB/1", "incoming-message/10kB/64", "group-send-steady", "group-send-first/100"],
        ...["prekey-upload/812", "get-one", "set-one"],
      ].map((name) => [`${name}+${delay}`, ["pg-adapter"]]),
    ),
  ),
  ...Object.fromEntries(
    ["set-one", "incoming-message/1.5kB/1", "incoming-message/10kB/64"].map((name) => [
      `write-behind/${name}`,
      [...everybody, "authstate"],
    ]),
  ),
  ...Object.fromEntries(
    ["set-one", "prekey-upload/812", "group-send-first/100", "incoming-message/10kB/64"].map((name) => [
      `write-behind/${name}+5ms`,
      ["pg-adapter", "authstate"],
    ]),
  ),
  "write-behind/wal-bytes/10kB/64": ["authstate"],
  "tables-copy/1000": ["pg_dump", "self"],
  "tables-verify/1000": ["self"],
  "tables-last-round/1000": ["self"],
  "tables-way-back/1000": ["self"],
  "way-back/2": ["self"],
  ...(isPostgrestHere
    ? Object.fromEntries(
        ["tables-single", "tables-list/63", "tables-upsert/100"].map((name) => [name, ["postgrest-js"]]),
      )
    : {}),
};

describe("the smoke run of the benchmark", () => {
  const folder = mkdtempSync(join(tmpdir(), "authstate-bench-"));
  let report: ReportLine[];

  before(async () => {
    const { code, output } = await runBench("--quick", "--output", folder);
    assert.equal(code, 0, output);
    report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as ReportLine[];
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("reports every row against every peer, once", () => {
    const lines = report.map(({ name, peer }) => `${name} ${peer}`).sort();
    const expected = Object.entries(EXPECTED).flatMap(([name, peers]) => peers.map((peer) => `${name} ${peer}`));
    assert.deepEqual(lines, expected.sort());
  });

  it("writes lines of the promised form, with figures that are some", () => {
    for (const line of report) {
      assert.deepEqual(Object.keys(line).sort(), [
        ...["conditions", "name", "ours", "peer", "peer_value", "ratio", "unit"],
      ]);
      for (const figure of [line.ours, line.peer_value, line.ratio]) {
        assert.ok(Number.isFinite(figure) && figure > 0, `${line.name} ${line.peer}: ${figure}`);
      }
      assert.ok(line.unit !== "" && line.conditions !== "", line.name);
    }
  });

  it("has a ratio above 1 exactly where ours is the better figure", () => {
    for (const { name, ours, peer_value: peer, ratio, unit } of report) {
      const higherIsBetter = unit.endsWith("/s");
      if (ours === peer) continue;
      assert.equal(ratio >= 1, higherIsBetter ? ours > peer : ours < peer, `${name}: ${ours} and ${peer} ${unit}`);
    }
  });

  it("has every line in the table for people too", () => {
    const table = readFileSync(join(folder, "report.md"), "utf8");
    for (const { name, peer } of report) assert.ok(table.includes(`| ${name} | ${peer} |`), name);
  });
});

describe("the command line of the benchmark", () => {
  const refusals: [what: string, args: string[], reason: RegExp][] = [
    ["an unknown option", ["--fast"], /^bench: unknown option '--fast'$/m],
    ["no time", ["--minutes", "0"], /^bench: --minutes needs a number from 1 to 999$/m],
    ["a load that is too long", ["--load-seconds", "10000"], /^bench: --load-seconds needs a number from 1 to 9999$/m],
    ["a row that there is not", ["--quick", "get-two"], /^bench: no row begins with get-two$/m],
  ];
  for (const [what, args, reason] of refusals) {
    it(`refuses ${what}`, async () => {
      const { code, output } = await runBench(...args);
      assert.equal(code, 2, output);
      assert.match(output, reason);
    });
  }
});
