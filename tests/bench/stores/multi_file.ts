// The folder of files that comes with Baileys, as it is: a file a value, no fsync.
import { join } from "node:path";
import { useMultiFileAuthState } from "baileys";
import type { BenchSession, BenchStore } from "./store.ts";

export class MultiFileStore implements BenchStore {
  constructor(private readonly folder: string) {}

  async open(sessionId: string): Promise<BenchSession> {
    const { state, saveCreds } = await useMultiFileAuthState(join(this.folder, sessionId));
    if (state.creds.lastPropHash === undefined) {
      state.creds.lastPropHash = "opened";
      await saveCreds();
    }
    return {
      get: async (type, ids) => state.keys.get(type as "session", ids),
      set: async (values) => state.keys.set(values),
      fill: async (values) => state.keys.set(values),
      close: async () => undefined,
    };
  }

  async close(): Promise<void> {}
}
