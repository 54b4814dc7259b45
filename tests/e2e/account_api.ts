// A Baileys account in a process of its own: what the test asks of it. Everything crosses the process boundary by
// structured clone.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { PreKeyBundle } from "../vectors/signal_account.ts";

export type BaileysPackage = "baileys" | "baileys-6";

export interface Message {
  type: "pkmsg" | "msg";
  ciphertext: Uint8Array;
}

export interface AppStatePatch {
  bytes: Uint8Array;
  version: number;
}

export interface AccountApi {
  // The creds as BufferJSON writes them: those of this process, and those that a fresh useAuthState finds.
  creds(): Promise<{ own: string; stored: string }>;
  // Pairs the account, as scanning a QR code does, and saves the creds.
  pair(): Promise<void>;
  // Counts the creds on by one, and saves them.
  touchCreds(): Promise<void>;
  makePreKeys(count: number): Promise<number>;
  // The public halves of those pre-keys that the store has, by id.
  publicPreKeys(ids: string[]): Promise<Record<string, string>>;
  preKeyBundle(id: number): Promise<PreKeyBundle>;
  openSession(jid: string, bundle: PreKeyBundle): Promise<void>;
  encrypt(to: string, text: string): Promise<Message>;
  decrypt(from: string, message: Message): Promise<string>;
  encryptForGroup(group: string, text: string): Promise<{ ciphertext: Uint8Array; distribution: Uint8Array }>;
  joinGroup(group: string, author: string, distribution: Uint8Array): Promise<void>;
  decryptFromGroup(group: string, author: string, ciphertext: Uint8Array): Promise<string>;
  rememberSenderKey(group: string, jids: string[]): Promise<void>;
  rememberedSenderKey(group: string): Promise<Record<string, boolean> | undefined>;
  storeAppStateKey(id: string, key: Uint8Array): Promise<void>;
  // Applies a patch of the account's chat settings; returns the indexes it set. Every MAC is checked.
  applyAppStatePatch(name: "regular_low", patch: AppStatePatch): Promise<string[]>;
  appStateVersion(name: "regular_low"): Promise<number | undefined>;
  // Learns that `pn` is `lid`, and moves the sessions over.
  learnLid(pn: string, lid: string): Promise<number>;
  lidOf(pn: string): Promise<string | null>;
  pnOf(lid: string): Promise<string | null>;
  // Resolves with the new owner once the session is lost.
  lost(): Promise<string | undefined>;
  close(): Promise<void>;
}

export interface AccountOptions {
  baileys: BaileysPackage;
  address: string;
  sessionId: string;
  jid: string;
  lid: string;
  // Take the session from whoever has it.
  steal?: boolean;
}

export interface Request {
  id: number;
  method: keyof AccountApi;
  args: unknown[];
}

export interface Reply {
  id: number;
  value?: unknown;
  error?: string;
}

// Replies to no request: the process has its session, or is about to ask for it.
export const READY = 0;
export const ASKED = -1;

const PROGRAM = fileURLToPath(new URL("account_process.ts", import.meta.url));
const FOLDER = fileURLToPath(new URL(".", import.meta.url));

const live = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of live) child.kill("SIGKILL");
});

export class AccountProcess {
  #child: ChildProcess | undefined;
  #asked: Promise<unknown> | undefined;
  #lastId = 0;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();

  constructor(readonly options: AccountOptions) {}

  get jid(): string {
    return this.options.jid;
  }

  async start(): Promise<void> {
    const child = fork(PROGRAM, [JSON.stringify(this.options)], {
      cwd: FOLDER,
      env: { ...process.env, AUTHSTATE_E2E_BAILEYS: this.options.baileys },
      execArgv: ["--import", "tsx", "--import", "./redirect_baileys.mjs"],
      serialization: "advanced",
      // libsignal tells its news on stdout.
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child = child;
    live.add(child);
    child.once("exit", (code, signal) => {
      live.delete(child);
      for (const { reject } of this.#waiting.values())
        reject(new Error(`the account's process ended: ${code ?? signal}`));
      this.#waiting.clear();
    });
    child.on("message", ({ id, value, error }: Reply) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    });
    this.#asked = this.#reply(ASKED);
    await Promise.all([this.#asked, this.#reply(READY)]);
  }

  // Resolves once the process, which was started, asks for its session.
  async asks(): Promise<void> {
    await this.#asked;
  }

  call<M extends keyof AccountApi>(method: M, ...args: Parameters<AccountApi[M]>): ReturnType<AccountApi[M]> {
    const id = ++this.#lastId;
    const reply = this.#reply(id);
    this.#child?.send({ id, method, args } satisfies Request);
    return reply as ReturnType<AccountApi[M]>;
  }

  // The process does nothing, and does not know it.
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  // As a power cut would.
  async crash(): Promise<void> {
    if (this.#child === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  #reply(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
}
