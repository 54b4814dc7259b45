// build/bench/report.json, for programs, and report.md, for people.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import type { Measured, Range } from "./row.ts";

const DIGITS = 4;

export function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}

function git(...args: string[]): string {
  try {
    return execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "";
  }
}

function commit(): string {
  const head = git("rev-parse", "--short", "HEAD") || "unknown";
  return git("status", "--porcelain", "--untracked-files=no") === "" ? head : `${head} with changes`;
}

export interface Circumstances {
  command: string;
  repetitions: number;
  measureMs: number;
  postgres: string;
  fdatasyncs: number;
  missing: readonly string[];
}

const span = ({ least, most }: Range): string => `${rounded(least)}–${rounded(most)}`;

function markdown(measured: readonly Measured[], circumstances: Circumstances): string {
  const { command, repetitions, measureMs, postgres, fdatasyncs, missing } = circumstances;
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const [load] = readFileSync("/proc/loadavg", "utf8").split(" ");
  const lines = [
    "# Benchmark",
    "",
    `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, commit ${commit()}, \`${command}\`.`,
    "",
    `${cpus().length} × ${cpu?.model.trim() ?? "unknown"}, ${memory} GiB, load ${load} at the end; Node ${process.version}, ${postgres}.`,
    `The disk takes ${rounded(fdatasyncs)} fdatasync a second of 8 kB each.`,
    "",
    `Medians of ${repetitions} repetitions of ${measureMs} ms, all sides in turns; a ratio above 1 means that authstate is better.`,
    "",
    "| row | against | authstate | peer | unit | ratio | spread of authstate | spread of the peer |",
    "|---|---|---|---|---|---|---|---|",
    ...measured.map(({ line, oursRange, peerRange }) => {
      const values = [rounded(line.ours), rounded(line.peer_value), line.unit, line.ratio.toFixed(2)];
      return `| ${[line.name, line.peer, ...values, span(oursRange), span(peerRange)].join(" | ")} |`;
    }),
    ...(missing.length === 0
      ? []
      : ["", `Not measured, for want of time or because they failed: ${missing.join(", ")}.`]),
  ];
  return `${lines.join("\n")}\n`;
}

export function writeReport(folder: string, measured: readonly Measured[], circumstances: Circumstances): void {
  const lines = measured.map(({ line, oursRange, peerRange }) => ({
    ...line,
    ours: rounded(line.ours),
    peer_value: rounded(line.peer_value),
    ratio: rounded(line.ratio),
    conditions: `${line.conditions}; ours ${span(oursRange)}, peer ${span(peerRange)} over ${circumstances.repetitions}`,
  }));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "report.json"), `${JSON.stringify(lines, null, 2)}\n`);
  writeFileSync(join(folder, "report.md"), markdown(measured, circumstances));
}
