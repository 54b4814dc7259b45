// A Baileys account in a process of its own: what the test asks of it. Everything crosses the process boundary by
// structured clone.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { AuthStatePoolOptions } from "../../client/node/dist/esm/index.js";
import type { PreKeyBundle } from "../vectors/signal_account.ts";
import { Calls, type Reply, type Request, valueOf } from "./calls.ts";
import { end, endWithTest } from "./processes.ts";

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
  // How many session records it was given, since it was started, that others had been given before.
  sharedReads(): Promise<number>;
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
  // Whether to take the session from whoever has it.
  steal?: boolean;
  // How it shows who it is.
  access?: Pick<AuthStatePoolOptions, "tls" | "tokenFile">;
  // Whether Baileys tries again what failed, as it does by itself, which would hide failures. Default true.
  triesAgain?: boolean;
}

// Replies to no request: the process has its session, or is about to ask for it.
export const READY = 0;
export const ASKED = -1;

const PROGRAM = fileURLToPath(new URL("account_process.ts", import.meta.url));
const FOLDER = fileURLToPath(new URL(".", import.meta.url));

export class AccountProcess {
  #child: ChildProcess | undefined;
  #asked: Promise<unknown> | undefined;
  readonly #calls = new Calls<Reply>();

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
    this.#child = endWithTest(child);
    child.once("exit", (code, signal) => this.#calls.fail(new Error(`the account's process ended: ${code ?? signal}`)));
    child.on("message", (reply: Reply) => this.#calls.take(reply));
    this.#asked = this.#calls.expect(ASKED);
    await Promise.all([this.#asked, this.#calls.expect(READY)]);
  }

  // Resolves once the process, which was started, asks for its session.
  async asks(): Promise<void> {
    await this.#asked;
  }

  call<M extends keyof AccountApi>(method: M, ...args: Parameters<AccountApi[M]>): ReturnType<AccountApi[M]> {
    const send = (id: number): void => void this.#child?.send({ id, method, args } satisfies Request<AccountApi>);
    return this.#calls.make(send).then(valueOf) as ReturnType<AccountApi[M]>;
  }

  // Stops the process, which does not notice, until `resume`.
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  // Ends the process as a power cut would.
  async crash(): Promise<void> {
    await end(this.#child, "SIGKILL");
  }
}
