// The processes that tests start, and the ports and folders that they are given.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
export const BINARIES = process.env["AUTHSTATE_BIN_DIR"] ?? join(REPOSITORY, "build/bin");
export const START_TIMEOUT_MS = 60_000;
const CONNECT_INTERVAL_MS = 20;
const KEPT_LOG = 4_000;

// Whatever still runs when the test process ends is ended with it, also after a failed test.
const running = new Set<ChildProcess>();
const folders = new Set<string>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function endWithTest<Child extends ChildProcess>(child: Child): Child {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

export function start(command: string, args: string[]): ChildProcess {
  return endWithTest(spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] }));
}

// Ends a process that runs, by a signal or by `ask`, and waits until it has ended.
export async function end(child: ChildProcess | undefined, ask: NodeJS.Signals | (() => unknown)): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  if (typeof ask === "string") child.kill(ask);
  else ask();
  await ended;
}

// Keeps the end of what a process says, for errors.
export function tailOf(...streams: (NodeJS.ReadableStream | null)[]): () => string {
  let tail = "";
  for (const stream of streams)
    stream?.on("data", (data: Buffer) => (tail = (tail + data.toString()).slice(-KEPT_LOG)));
  return () => tail;
}

// Resolves once `child` takes connections on `port`, and has said `ready`.
export async function serving(child: ChildProcess, what: string, port: number, ready = ""): Promise<void> {
  const log = tailOf(child.stdout, child.stderr);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await accepts(port)) || !log().includes(ready)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${what} did not start:\n${log()}`);
    await new Promise((resolve) => setTimeout(resolve, CONNECT_INTERVAL_MS));
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  probe.close();
  await once(probe, "close");
  return address.port;
}

export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), "authstate-e2e-"));

  constructor() {
    // PostgreSQL, which does not run as root, has to get in.
    chmodSync(this.path, 0o755);
    folders.add(this.path);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
    folders.delete(this.path);
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = createConnection(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
