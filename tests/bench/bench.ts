// `./dev bench`: measures every row, with all sides in turns, and writes the reports.
import { fdatasyncSync, openSync, closeSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ListingRows } from "./listing_rows.ts";
import { MovingRows } from "./moving_rows.ts";
import { microBenchmarks, nativeRows } from "./native_rows.ts";
import { type BenchOptions, isWanted, parseOptions, UsageError } from "./options.ts";
import { rounded, writeReport } from "./report.ts";
import { type Measured, measureRow } from "./row.ts";
import { ScrapedRows } from "./scraped_rows.ts";
import { FULL, QUICK, SECURED, StoreRows } from "./store_rows.ts";
import type { StoreKind } from "./stores/store.ts";
import { TablesRows } from "./tables_rows.ts";
import { Testbed } from "./testbed.ts";
import type { Timing } from "./timing.ts";
import { WayBackRow } from "./way_back_row.ts";

const MINUTE_MS = 60_000;
const BLOCK_BYTES = 8_192;

interface Mode {
  repetitions: number;
  timing: Timing;
  peers: StoreKind[];
}

const FULL_MODE: Mode = {
  repetitions: 5,
  timing: { warmUpMs: 300, measureMs: 1_000 },
  peers: ["pg-adapter", "multi-file", "redis", "mysql-baileys", "authstate", ...SECURED],
};
// This mode needs nothing beyond PostgreSQL and Node, and says nothing of speed.
const QUICK_MODE: Mode = {
  repetitions: 1,
  timing: { warmUpMs: 10, measureMs: 50 },
  peers: ["pg-adapter", "multi-file", "authstate", ...SECURED],
};

const say = (text: string): void => void process.stderr.write(text);

// How often a second the disk syncs one block. No store commits more often than that, one at a time.
function fdatasyncRate(folder: string, forMs: number): number {
  const file = openSync(join(folder, "fdatasync"), "w");
  const block = Buffer.alloc(BLOCK_BYTES, 1);
  const began = performance.now();
  let count = 0;
  try {
    do {
      writeSync(file, block, 0, BLOCK_BYTES, 0);
      fdatasyncSync(file);
      count++;
    } while (performance.now() - began < forMs);
  } finally {
    closeSync(file);
  }
  return count / ((performance.now() - began) / 1_000);
}

async function bench(options: BenchOptions, command: string): Promise<number> {
  const { quick, minutes, loadSeconds, output, rows: wanted } = options;
  const { repetitions, timing, peers } = quick ? QUICK_MODE : FULL_MODE;
  const deadline = Date.now() + minutes * MINUTE_MS;
  const bed = await Testbed.create();
  const stores = new StoreRows(bed, quick ? QUICK : FULL, peers);
  const listings = new ListingRows(bed, quick);
  const scraped = new ScrapedRows(bed, quick, loadSeconds);
  const tables = new TablesRows();
  const wayBack = new WayBackRow(bed, quick);
  const measured: Measured[] = [];
  const missing: string[] = [];
  try {
    const all = [
      ...nativeRows(bed, quick),
      ...new MovingRows(bed, quick).rows(),
      ...wayBack.rows(),
      ...stores.rows(),
      ...listings.rows(),
      ...tables.rows(),
      ...scraped.rows(),
    ];
    const rows = all.filter(({ name }) => isWanted(name, wanted));
    if (rows.length === 0) throw new UsageError(`no row begins with ${wanted.join(" or ")}`);
    const fdatasyncs = fdatasyncRate(bed.folder.path, timing.measureMs);
    const { rows: versions } = await bed.run("SHOW server_version", "postgres");
    const postgres = `PostgreSQL ${String(versions[0].server_version)}`;
    const circumstances = { command, repetitions, measureMs: timing.measureMs, postgres, fdatasyncs, missing };
    for (const [index, row] of rows.entries()) {
      if (Date.now() > deadline) {
        missing.push(row.name);
        continue;
      }
      let results: Measured[];
      try {
        results = await measureRow(row, repetitions, timing);
      } catch (error) {
        // The other rows are worth having.
        say(`${row.name}: ${error instanceof Error ? error.message : String(error)}\n`);
        missing.push(row.name);
        continue;
      }
      for (const result of results) {
        const { ours, peer, peer_value: value, ratio, unit } = result.line;
        const position = `${String(index + 1).padStart(3)}/${rows.length}`;
        say(
          `${position} ${row.name.padEnd(30)} ${rounded(ours)} ${unit}, ${peer} ${rounded(value)}: ${ratio.toFixed(2)}\n`,
        );
      }
      measured.push(...results);
      // After every row: what was measured is not lost when a later row fails.
      writeReport(output, measured, circumstances);
    }
    writeReport(output, measured, circumstances);
    if (!quick && wanted.length === 0) await microBenchmarks(output);
    say(`report: ${join(output, "report.md")}\n`);
  } finally {
    await stores.stop();
    await listings.stop();
    await scraped.stop();
    await tables.stop();
    await wayBack.stop();
    await bed.stop();
  }
  if (missing.length > 0) say(`not measured: ${missing.join(", ")}\n`);
  return missing.length > 0 ? 1 : 0;
}

// The command as it was given to ./dev, which adds where the reports go.
function commandOf(all: readonly string[]): string {
  const output = all.indexOf("--output");
  const own = output < 0 ? all : all.toSpliced(output, 2);
  return ["./dev bench", ...own].join(" ");
}

// What was started ends with this process, in the handlers of its "exit".
const INTERRUPTED = 130;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(INTERRUPTED));

const args = process.argv.slice(2);
try {
  process.exitCode = await bench(parseOptions(args), commandOf(args));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  say(`bench: ${error.message}\n`);
  process.exitCode = 2;
}
