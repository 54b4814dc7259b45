// A process that measures one kind of store; `bench.ts` tells it what.
import { checkStore } from "./check_store.ts";
import { openStore } from "./stores/open_store.ts";
import type { Answer, Task } from "./worker_api.ts";
import { workloadOf } from "./workload_of.ts";

async function perform(task: Task): Promise<number> {
  const { store } = task;
  const open = () => openStore(store);
  switch (task.kind) {
    case "check":
      await checkStore(open);
      return 0;
    case "seed": {
      const opened = await open();
      try {
        await workloadOf(task.workload).seed(opened);
      } finally {
        await opened.close();
      }
      return 0;
    }
    case "measure": {
      const { timing, databaseUrl, serverPid } = task;
      return workloadOf(task.workload).measure({ open, store, timing, databaseUrl, serverPid });
    }
  }
}

process.on("message", (task: Task) => {
  const answer = (result: Answer): void => void process.send?.(result);
  perform(task).then(
    (value) => answer({ value }),
    (error: unknown) => answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
// Once the process that started this one has gone, there is nothing to do.
process.once("disconnect", () => process.exit(0));
