import { firstGroupSend, steadyGroupSend } from "./workloads/group_send.ts";
import { getOne, incomingMessage, preKeyUpload, setOne } from "./workloads/messages.ts";
import { mixedPool, serverMemory } from "./workloads/pool.ts";
import { restart } from "./workloads/restart.ts";
import { walBytes, walBytesOfMessages } from "./workloads/wal_bytes.ts";
import type { Workload } from "./workloads/workload.ts";

// A workload by a name that passes between processes, with its sizes.
export type WorkloadName =
  | { name: "incoming-message" | "wal-bytes-of-messages"; bytes: number; sessions: number }
  | { name: "group-send-steady" | "get-one" | "set-one" }
  | { name: "group-send-first"; devices: number }
  | { name: "prekey-upload"; count: number }
  | { name: "restart"; sessions: number; keysEach: number }
  | { name: "pool" | "server-memory"; sessions: number }
  | { name: "wal-bytes"; bytes: number };

// There is one of each, for some count on from one measurement to the next, as with the ids of pre-keys.
const made = new Map<string, Workload>();

export function workloadOf(wanted: WorkloadName): Workload {
  const key = JSON.stringify(wanted);
  const workload = made.get(key) ?? make(wanted);
  made.set(key, workload);
  return workload;
}

function make(wanted: WorkloadName): Workload {
  switch (wanted.name) {
    case "incoming-message":
      return incomingMessage(wanted.bytes, wanted.sessions);
    case "wal-bytes-of-messages":
      return walBytesOfMessages(wanted.bytes, wanted.sessions);
    case "group-send-steady":
      return steadyGroupSend();
    case "group-send-first":
      return firstGroupSend(wanted.devices);
    case "prekey-upload":
      return preKeyUpload(wanted.count);
    case "get-one":
      return getOne();
    case "set-one":
      return setOne();
    case "restart":
      return restart(wanted.sessions, wanted.keysEach);
    case "pool":
      return mixedPool(wanted.sessions);
    case "server-memory":
      return serverMemory(wanted.sessions);
    case "wal-bytes":
      return walBytes(wanted.bytes);
  }
}
