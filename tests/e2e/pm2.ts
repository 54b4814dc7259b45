// A PM2 of a test's own, with its daemon and what it runs.
import { type ChildProcess, execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { end, REPOSITORY } from "./processes.ts";

const NPM_PROGRAMS = join(REPOSITORY, "tests/node_modules/.bin");

export class Pm2 {
  // For who calls it. Nothing of the test's own gets in: PM2 hands it on to what it starts.
  readonly env: NodeJS.ProcessEnv;
  readonly #callers = new Set<ChildProcess>();
  #running = false;

  // `home` is a folder that nobody else has.
  constructor(home: string) {
    this.env = { PATH: `${NPM_PROGRAMS}:${process.env["PATH"]}`, HOME: home, PM2_HOME: home };
    // The daemon is nobody's child, and outlives a test that is ended for its time.
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => void this.kill().finally(() => process.exit(1)));
    }
  }

  run(...args: string[]): Promise<{ stdout: string; stderr: string }> {
    this.#running = true;
    return this.exec("pm2", args, this.env);
  }

  // Runs a program that may call PM2, which would start the daemon anew: it is ended before PM2 is.
  async exec(program: string, args: string[], env: NodeJS.ProcessEnv): Promise<{ stdout: string; stderr: string }> {
    const running = promisify(execFile)(program, args, { env });
    this.#callers.add(running.child);
    return running.finally(() => this.#callers.delete(running.child));
  }

  // Ends the daemon and all that it runs.
  async kill(): Promise<void> {
    await Promise.all([...this.#callers].map((caller) => end(caller, "SIGTERM")));
    if (this.#running) await this.run("kill");
    this.#running = false;
  }
}
