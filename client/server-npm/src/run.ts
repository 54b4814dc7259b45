// `npx @authstate/server`: authstated in the foreground, as if it had been started itself.
import type { ChildProcess } from "node:child_process";
import { spawnServer } from "./child.js";

// SIGHUP has it read its certificates anew.
const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function fail(error: unknown): void {
  console.error(`authstated: ${(error as Error).message}`);
  process.exitCode = 1;
}

/** Ends this process as the server ends. */
export function run(args: readonly string[]): void {
  let child: ChildProcess;
  try {
    child = spawnServer(args, { stdio: "inherit" });
  } catch (error) {
    fail(error);
    return;
  }
  child.once("error", fail);
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of PASSED_ON) process.on(signal, pass);
  child.once("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
