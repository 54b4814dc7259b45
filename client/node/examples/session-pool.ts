// A small pool of WhatsApp sessions whose whole state lives in authstate: npm run example -- --help
import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { isMainThread } from "node:worker_threads";
import { type AuthState, AuthStateError, AuthStatePool, LeaseLostError } from "@authstate/baileys";
import { DEFAULT_CONNECTION_CONFIG, DisconnectReason, makeWASocket, type WASocket } from "baileys";
import qrcode from "qrcode-terminal";
import { givenPlan, onStop, runWorkers } from "./workers.ts";

const HELP = `Usage: session-pool [options] SESSION...

Connects every SESSION to WhatsApp and keeps it connected. A session that authstate does not know yet is
paired first: by QR code, or with --pair by a code that is typed in on the phone.

A SESSION that another process has is left to it: start this program twice, and the second one takes over
when the first one ends.

  --address HOST:PORT   where authstated listens (default 127.0.0.1:50051); repeat it for several servers on one database
  --lease-ttl MS        how long the sessions of a dead process stay its own (default 15000)
  --pair PHONE          pair by code; PHONE in digits with country code; for a single SESSION
  --patience MS         how long to wait for a store that is away (default 60000)
  --log-level LEVEL     what Baileys logs: silent, error, warn, info, debug, trace (default silent)
  --connect-timeout MS  how long a connection may take to come up (default 60000)
  --workers N           deal the SESSIONs out to up to N worker threads (default 0: none); accounts that may write to the same
                        contact at the same time need a thread each
  --wa-url URL          another WhatsApp server, for tests
  --help                this text

Where callers have to show a token, it is taken from the file that AUTHSTATE_TOKEN_FILE names, or from AUTHSTATE_TOKEN.

SIGINT or SIGTERM ends the sockets, flushes what is to be stored, and exits with 0.
Exit code 1: the store could not be used; 2: bad usage.`;

const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 60_000;

interface PoolOptions {
  addresses: string[];
  leaseTtlMs: number;
  patienceMs: number;
}

interface SessionOptions {
  pair: string | undefined;
  connectTimeoutMs: number;
  logLevel: string;
  waUrl: string;
}

type Ending = "stopped" | "logged out" | "replaced" | "lost";

interface Disconnect {
  code: number | undefined;
  wasOpen: boolean;
}

function statusOf(error: unknown): number | undefined {
  return (error as { output?: { statusCode?: number } } | undefined)?.output?.statusCode;
}

// Runs one account: one socket after the other over one auth state, for as long as the session is ours.
class Session {
  readonly #id: string;
  readonly #store: AuthStatePool;
  readonly #options: SessionOptions;
  readonly #stop: AbortSignal;

  constructor(id: string, store: AuthStatePool, options: SessionOptions, stop: AbortSignal) {
    this.#id = id;
    this.#store = store;
    this.#options = options;
    this.#stop = stop;
  }

  async run(): Promise<Ending> {
    for (;;) {
      const auth = await this.#acquire();
      if (auth === undefined) return "stopped";
      const ending = await this.#own(auth);
      if (ending !== "lost") return ending;
      this.#say("taken over by another process; standing by");
    }
  }

  // Waits for as long as another process has the session.
  async #acquire(): Promise<AuthState | undefined> {
    this.#say("asking for the session");
    try {
      const options = { leaseWaitMs: Infinity, signal: this.#stop, logger: this.#logger() };
      return await this.#store.useAuthState(this.#id, options);
    } catch (error) {
      if (this.#stop.aborted) return undefined;
      throw error;
    }
  }

  async #own(auth: AuthState): Promise<Ending> {
    this.#say("this process has the session");
    auth.events.on("away", () => this.#say("the store is away"));
    auth.events.on("back", () => this.#say("the store is back"));
    const lost = new AbortController();
    auth.events.once("lost", (error) => lost.abort(error));
    try {
      // A store that cannot be written should show now, not when the phone has been paired.
      if (!auth.state.creds.registered) await auth.saveCreds();
      const ending = await this.#stayConnected(auth, lost.signal);
      // A process that the server no longer serves has nothing to stand by for.
      if (ending === "lost") lost.signal.throwIfAborted();
      return ending;
    } catch (error) {
      if (error instanceof LeaseLostError) return "lost";
      throw error;
    } finally {
      await auth.close().catch((error: unknown) => {
        if (!(error instanceof LeaseLostError)) throw error;
      });
    }
  }

  async #stayConnected(auth: AuthState, lost: AbortSignal): Promise<Ending> {
    const leave = AbortSignal.any([this.#stop, lost]);
    for (let failures = 0; !leave.aborted;) {
      const { code, wasOpen } = await this.#connect(auth, leave);
      if (leave.aborted) break;
      switch (code) {
        case DisconnectReason.loggedOut:
          await auth.removeSession();
          this.#say("logged out on the phone; its state is deleted");
          return "logged out";
        case DisconnectReason.connectionReplaced:
          // Somebody else uses the account. To connect again would throw them out, and so on, forever.
          this.#say("replaced by another connection; stopping");
          return "replaced";
        case DisconnectReason.restartRequired:
          // WhatsApp asks for this right after pairing.
          this.#say("restart required");
          failures = 0;
          break;
        default:
          failures = wasOpen ? 1 : failures + 1;
          await this.#backOff(code, failures, leave);
      }
    }
    return this.#stop.aborted ? "stopped" : "lost";
  }

  // Resolves when the socket has closed.
  #connect(auth: AuthState, leave: AbortSignal): Promise<Disconnect> {
    return new Promise((resolve) => {
      // Not makeCacheableSignalKeyStore: it would show a value whose write failed.
      const socket = makeWASocket({ auth: auth.state, logger: this.#logger(), waWebSocketUrl: this.#options.waUrl });
      const end = (): void => void socket.end(undefined);
      leave.addEventListener("abort", end, { once: true });
      // Baileys waits forever for a server that answers the upgrade with an HTTP error.
      const watchdog = setTimeout(end, this.#options.connectTimeoutMs);
      let wasOpen = false;
      let pairing = false;

      socket.ev.on("creds.update", () => {
        auth.saveCreds().catch((error: unknown) => {
          this.#say(`creds not stored: ${describe(error)}`);
          end();
        });
      });
      socket.ev.on("connection.update", ({ connection, lastDisconnect, qr }) => {
        if (qr !== undefined || connection === "open") clearTimeout(watchdog);
        if (qr !== undefined && !pairing) {
          pairing = this.#options.pair !== undefined;
          this.#offerPairing(socket, qr);
        }
        if (connection === "open") {
          wasOpen = true;
          this.#say("connected");
        }
        if (connection === "close") {
          clearTimeout(watchdog);
          leave.removeEventListener("abort", end);
          resolve({ code: statusOf(lastDisconnect?.error), wasOpen });
        }
      });
    });
  }

  #offerPairing(socket: WASocket, qr: string): void {
    if (this.#options.pair === undefined) {
      qrcode.generate(qr, { small: true }, (drawing) => this.#say(`scan this with the phone\n${drawing}`));
      return;
    }
    socket.requestPairingCode(this.#options.pair).then(
      (code) => this.#say(`pairing code: ${code}`),
      (error: unknown) => this.#say(`no pairing code: ${describe(error)}`),
    );
  }

  async #backOff(code: number | undefined, failures: number, leave: AbortSignal): Promise<void> {
    const ceiling = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
    const delayMs = Math.round(ceiling * (0.5 + Math.random() / 2));
    this.#say(`disconnected (${code ?? "no status"}); connecting again in ${delayMs} ms`);
    await sleep(delayMs, undefined, { signal: leave }).catch(() => undefined);
  }

  #logger() {
    const logger = DEFAULT_CONNECTION_CONFIG.logger.child({ session: this.#id });
    logger.level = this.#options.logLevel;
    return logger;
  }

  #say(what: string): void {
    console.log(`${this.#id}: ${what}`);
  }
}

function describe(error: unknown): string {
  if (error instanceof AuthStateError) return `${error.code} ${error.reason}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

// The sessions of one thread, and how they are run.
interface Plan {
  sessionIds: string[];
  poolOptions: PoolOptions;
  options: SessionOptions;
}

function parse(): Plan & { workers: number } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      address: { type: "string", multiple: true, default: ["127.0.0.1:50051"] },
      "lease-ttl": { type: "string", default: "15000" },
      pair: { type: "string" },
      patience: { type: "string", default: "60000" },
      "connect-timeout": { type: "string", default: "60000" },
      "log-level": { type: "string", default: "silent" },
      "wa-url": { type: "string", default: String(DEFAULT_CONNECTION_CONFIG.waWebSocketUrl) },
      workers: { type: "string", default: "0" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const milliseconds = (name: "patience" | "connect-timeout" | "lease-ttl"): number => {
    if (!/^\d{1,9}$/.test(values[name])) throw new Error(`--${name}: not a number of milliseconds`);
    return Number(values[name]);
  };
  if (!/^\d{1,4}$/.test(values.workers)) throw new Error("--workers: not a number of threads");
  if (positionals.length === 0) throw new Error("name at least one SESSION");
  if (new Set(positionals).size !== positionals.length) throw new Error("a SESSION is named twice");
  if (values.pair !== undefined && positionals.length !== 1) throw new Error("--pair is for a single SESSION");
  const { address: addresses, pair, "log-level": logLevel, "wa-url": waUrl } = values;
  const poolOptions = { addresses, leaseTtlMs: milliseconds("lease-ttl"), patienceMs: milliseconds("patience") };
  const options = { pair, connectTimeoutMs: milliseconds("connect-timeout"), logLevel, waUrl };
  return { sessionIds: positionals, poolOptions, options, workers: Number(values.workers) };
}

async function keepConnected({ sessionIds, poolOptions, options }: Plan, stop: AbortSignal): Promise<boolean> {
  const store = new AuthStatePool(poolOptions);
  let well = true;
  await Promise.all(
    sessionIds.map(async (id) => {
      try {
        console.log(`${id}: ${await new Session(id, store, options, stop).run()}`);
      } catch (error) {
        // One account must not take the others along.
        console.error(`${id}: ${describe(error)}`);
        well = false;
      }
    }),
  );
  await store.close();
  return well;
}

async function main(): Promise<boolean> {
  const stop = new AbortController();
  // Every session listens to this signal.
  setMaxListeners(0, stop.signal);
  if (!isMainThread) {
    onStop(() => stop.abort());
    return keepConnected(givenPlan as Plan, stop.signal);
  }
  const { workers, ...plan } = parse();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      console.log("stopping");
      stop.abort();
    });
  }
  if (workers === 0) return keepConnected(plan, stop.signal);
  const { sessionIds } = plan;
  const plans = Array.from({ length: Math.min(workers, sessionIds.length) }, (_, thread): Plan => {
    return { ...plan, sessionIds: sessionIds.filter((_id, index) => index % workers === thread) };
  });
  return runWorkers(plans, stop.signal);
}

main().then(
  // Everything is stored and closed; only timers of Baileys are left, which would keep the process for 20 s.
  (well) => process.exit(well ? 0 : 1),
  (error: unknown) => {
    console.error(`session-pool: ${describe(error)}\nTry --help.`);
    process.exit(2);
  },
);
