import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Answer, Task } from "./worker_api.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

// These end with this process, before it removes what they work on.
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

// A process that measures one store, so that no store runs in the heap, or on the optimized code, of another. It ends
// with this process, whose end closes the channel between them.
export class StoreProcess {
  readonly #child: ChildProcess = fork(WORKER, { execArgv: ["--import", "tsx"] });

  constructor() {
    running.add(this.#child);
    this.#child.once("exit", () => running.delete(this.#child));
  }

  // Performs one task at a time.
  async perform(task: Task): Promise<number> {
    const ended = new AbortController();
    const onExit = (code: number | null): void =>
      ended.abort(new Error(`the process of ${task.store.kind} ended with ${code}`));
    this.#child.once("exit", onExit);
    try {
      this.#child.send(task);
      const [answer] = (await once(this.#child, "message", { signal: ended.signal })) as [Answer];
      if ("error" in answer) throw new Error(`${task.store.kind}: ${answer.error}`);
      return answer.value;
    } catch (error) {
      throw ended.signal.aborted ? ended.signal.reason : error;
    } finally {
      this.#child.off("exit", onExit);
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}
