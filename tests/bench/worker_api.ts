// What the process that measures is told to do, and what it answers.
import type { StorePlace } from "./stores/store.ts";
import type { Timing } from "./timing.ts";
import type { WorkloadName } from "./workload_of.ts";

export type Task =
  | { kind: "check"; store: StorePlace }
  | { kind: "seed"; store: StorePlace; workload: WorkloadName }
  | {
      kind: "measure";
      store: StorePlace;
      workload: WorkloadName;
      timing: Timing;
      databaseUrl: string;
      serverPid: number;
    };

export type Answer = { value: number } | { error: string };
