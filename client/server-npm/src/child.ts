// authstated as a child process that does not outlive its parent.
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { existsSync } from "node:fs";
import { findProgram } from "./program.js";

// From util-linux, which is everywhere but in the smallest images. Has the kernel stop the server when the thread that
// started it ends, however that comes about.
const SETPRIV = "/usr/bin/setpriv";

/** @throws NoProgramError */
export function spawnServer(args: readonly string[], options: Pick<SpawnOptions, "stdio" | "env">): ChildProcess {
  const program = findProgram();
  const [command, before] = existsSync(SETPRIV) ? [SETPRIV, ["--pdeathsig", "TERM", program]] : [program, []];
  // In a group of its own: Ctrl-C is for its parent, which stops it when the last write is done.
  const child = spawn(command, [...before, ...args], { ...options, detached: true });
  const stop = (): void => void child.kill("SIGTERM");
  process.once("exit", stop);
  child.once("exit", () => process.off("exit", stop));
  return child;
}
