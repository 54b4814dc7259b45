// The program of a PoolProcess: keeps each of its accounts for as long as it has the lease, and stands by for it
// otherwise.
import { once } from "node:events";
import * as baileys from "baileys";
import { type AuthState, AuthStatePool, type LeaseLostError } from "../../client/node/dist/esm/index.js";
import { pairCreds, SignalAccount, silentLogger } from "../vectors/signal_account.ts";
import {
  type AccountName,
  CLOSE,
  now,
  type PoolApi,
  type PoolNews,
  type PoolOptions,
  type PoolRequest,
} from "./pool_api.ts";

const { addresses, leaseTtlMs, accounts } = JSON.parse(process.argv[2] ?? "") as PoolOptions;
const pool = new AuthStatePool({ addresses, leaseTtlMs });
let closing = false;

// libsignal says why a message does not decrypt there alone.
let lastSaid = "";
console.error = (...parts: unknown[]): void => void (lastSaid = parts.join(" "));

const tell = (news: PoolNews): void => void process.send!(news);

class Owned {
  readonly since = now();
  lost = false;
  readonly account: SignalAccount;

  constructor(
    readonly name: AccountName,
    readonly auth: AuthState,
  ) {
    // A commit that is refused stays refused: to say so at once saves the half minute that Baileys would try it again.
    this.account = new SignalAccount(baileys, name.jid, auth.state, silentLogger, {
      maxCommitRetries: 1,
      delayBetweenTriesMs: 1,
    });
    auth.events.once("lost", () => (this.lost = true));
  }

  api(): PoolApi {
    const { account, auth, name } = this;
    return {
      async pair() {
        pairCreds(baileys, auth.state.creds, name.jid, name.lid);
        await auth.saveCreds();
      },
      async makePreKeys(count) {
        const first = await account.makePreKeys(count);
        await auth.saveCreds();
        return first;
      },
      preKeyBundle: (id) => account.preKeyBundle(id),
      openSession: (jid, session) => account.repository.injectE2ESession({ jid, session }),
      encrypt: (to, text) => account.encrypt(to, text),
      decrypt: (from, message) => account.decrypt(from, message),
    };
  }
}

const owned = new Map<string, Owned>();

async function keep(name: AccountName): Promise<never> {
  const { sessionId } = name;
  for (;;) {
    const auth = await pool.useAuthState(sessionId, { leaseWaitMs: Infinity });
    const mine = new Owned(name, auth);
    const lost = once(auth.events, "lost") as Promise<[LeaseLostError]>;
    owned.set(sessionId, mine);
    tell({ kind: "owns", sessionId, since: mine.since });
    const [{ owner }] = await lost;
    owned.delete(sessionId);
    tell({ kind: "lost", sessionId, since: mine.since, owner });
    // It rejects when a write was refused, of which the caller was told.
    await auth.close().catch(() => undefined);
  }
}

async function answer({ id, sessionId, method, args }: PoolRequest): Promise<void> {
  const mine = owned.get(sessionId);
  const begun = now();
  try {
    if (mine === undefined) throw new Error("not the owner");
    const run = mine.api()[method] as (...given: unknown[]) => Promise<unknown>;
    const value = await run(...args);
    tell({ kind: "answer", id, value, owned: true, begun });
  } catch (error) {
    const text = `${error instanceof Error ? error.stack! : String(error)}\nlibsignal: ${lastSaid}`;
    tell({ kind: "answer", id, error: text, owned: mine !== undefined && !mine.lost && !closing, begun });
  }
}

process.on("message", (request: PoolRequest | typeof CLOSE) => {
  if (request !== CLOSE) return void answer(request);
  closing = true;
  pool.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});

for (const name of accounts) {
  keep(name).catch((error: unknown) => {
    if (!closing) throw error;
  });
}
tell({ kind: "asks" });
