// The program of a PoolProcess: keeps each of its accounts for as long as it has the lease, and stands by for it
// otherwise.
import { once } from "node:events";
import * as baileys from "baileys";
import { type AuthState, AuthStatePool, type LeaseLostError } from "../../client/node/dist/esm/index.js";
import { pairCreds, SignalAccount, silentLogger } from "../vectors/signal_account.ts";
import { answer, type Reply } from "./calls.ts";
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

// Only there does libsignal say why a message does not decrypt.
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

async function serve(request: PoolRequest): Promise<void> {
  const mine = owned.get(request.sessionId);
  const begun = now();
  const reply: Reply =
    mine === undefined ? { id: request.id, error: "not the owner" } : await answer(mine.api(), request);
  if (reply.error !== undefined) reply.error += `\nlibsignal: ${lastSaid}`;
  const has = reply.error === undefined || (mine !== undefined && !mine.lost && !closing);
  tell({ kind: "answer", ...reply, owned: has, begun });
}

process.on("message", (request: PoolRequest | typeof CLOSE) => {
  if (request !== CLOSE) return void serve(request);
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
