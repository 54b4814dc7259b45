// A program that a test starts as a user would, and what it says.
import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { endWithTest } from "./processes.ts";

export class Program {
  // What it has said so far, on both streams.
  output = "";
  // Resolves with its exit code.
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #changed = new EventEmitter();

  constructor(command: string, args: string[], options: { cwd: string; env?: NodeJS.ProcessEnv }) {
    this.#child = endWithTest(spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] }));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (data: Buffer) => {
        this.output += data.toString();
        this.#changed.emit("change");
      });
    }
    this.ended = once(this.#child, "close").then(([code]: unknown[]) => code as number | null);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  stop(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.ended;
  }

  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.output)) await this.until(once(this.#changed, "change"));
  }

  // Waits for `condition`, and fails when the program ends first.
  async until(condition: Promise<unknown>): Promise<void> {
    const ended = this.ended.then((code) => {
      throw new Error(`the program ended with ${code}:\n${this.output}`);
    });
    ended.catch(() => undefined);
    await Promise.race([condition, ended]);
  }
}
