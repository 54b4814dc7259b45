// @authstate/baileys as a pool uses it, with its defaults.
import { AuthStatePool, type AuthStatePoolOptions } from "../../../client/node/dist/esm/index.js";
import type { BenchSession, BenchStore } from "./store.ts";

export class AuthstateStore implements BenchStore {
  readonly #pool: AuthStatePool;

  constructor(options: AuthStatePoolOptions) {
    this.#pool = new AuthStatePool(options);
  }

  async open(sessionId: string): Promise<BenchSession> {
    const auth = await this.#pool.useAuthState(sessionId);
    const { creds, keys } = auth.state;
    if (creds.lastPropHash === undefined) {
      creds.lastPropHash = "opened";
      await auth.saveCreds();
    }
    return {
      get: (type, ids) => keys.get(type as "session", ids),
      set: (values) => keys.set(values),
      fill: (values) => keys.set(values),
      close: () => auth.close(),
    };
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
