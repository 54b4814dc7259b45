// A socket of real Baileys that is open and goes nowhere: the test sees what it sends, and answers as WhatsApp would.
import { once } from "node:events";
import { type AuthenticationState, type BinaryNode, decodeBinaryNode, type GroupMetadata } from "baileys";
import { type Baileys, silentLogger } from "../vectors/signal_account.ts";
import { FakeWhatsApp } from "./fake_whatsapp.ts";

export interface Encrypted {
  type: "pkmsg" | "msg" | "skmsg";
  ciphertext: Uint8Array;
}

// A message as it left: to each device its own part, and to a group one for all.
export interface Sent {
  toDevices: Map<string, Encrypted>;
  toGroup: Encrypted | undefined;
}

// What Baileys writes before the first frame, and how long the length of each is.
const INTRO = "WA";
const LENGTH_BYTES = 3;

const childrenOf = (node: BinaryNode | undefined): BinaryNode[] => (Array.isArray(node?.content) ? node.content : []);
const childOf = (node: BinaryNode | undefined, tag: string): BinaryNode | undefined =>
  childrenOf(node).find((child) => child.tag === tag);

function encryptedOf(node: BinaryNode): Encrypted | undefined {
  const enc = childOf(node, "enc");
  if (enc === undefined) return undefined;
  return { type: enc.attrs["type"] as Encrypted["type"], ciphertext: enc.content as Uint8Array };
}

export class SendingSocket {
  // The users whose devices it has asked for.
  readonly asked: string[] = [];
  readonly #whatsApp = new FakeWhatsApp();
  readonly #sent: BinaryNode[] = [];
  #devices: Record<string, string[]> = {};
  #socket: ReturnType<Baileys["makeWASocket"]> | undefined;

  // `groups`: their members; `devices`: those that each user has, by the user's jid.
  async open(
    module: Baileys,
    auth: AuthenticationState,
    groups: Record<string, string[]>,
    devices: Record<string, string[]>,
  ): Promise<void> {
    this.#devices = devices;
    this.#whatsApp.patient = true;
    await this.#whatsApp.start();
    const metadata = (jid: string): GroupMetadata => ({
      ...{ id: jid, owner: undefined, subject: "", addressingMode: "pn" as GroupMetadata["addressingMode"] },
      participants: (groups[jid] ?? []).map((id) => ({ id })),
    });
    const socket = module.makeWASocket({
      ...{ auth, logger: silentLogger, waWebSocketUrl: this.#whatsApp.url },
      // No timers: those of what is never answered would keep the process.
      ...{ connectTimeoutMs: 0, defaultQueryTimeoutMs: undefined },
      cachedGroupMetadata: async (jid) => metadata(jid),
    });
    this.#socket = socket;
    const ws = socket.ws as unknown as {
      isOpen: boolean;
      socket: { send(bytes: Uint8Array, sent: () => void): void };
      on(event: "open", listener: () => void): void;
    };
    if (!ws.isOpen) await new Promise<void>((resolve) => ws.on("open", resolve));
    ws.socket.send = (bytes, sent) => {
      sent();
      if (!Buffer.from(bytes).toString("latin1").startsWith(INTRO)) void this.#take(bytes.subarray(LENGTH_BYTES));
    };
  }

  async send(jid: string, text: string): Promise<Sent> {
    const before = this.#sent.length;
    await this.#socket!.relayMessage(jid, { conversation: text }, {});
    // It is decoded a moment after it left.
    while (this.#sent.length === before) await new Promise((resolve) => setImmediate(resolve));
    const message = this.#sent[before]!;
    const toDevices = childrenOf(childOf(message, "participants")).flatMap((to): [string, Encrypted][] => {
      const encrypted = encryptedOf(to);
      return encrypted === undefined ? [] : [[to.attrs["jid"] ?? "", encrypted]];
    });
    return { toDevices: new Map(toDevices), toGroup: encryptedOf(message) };
  }

  async close(): Promise<void> {
    const ended = once(this.#whatsApp, "disconnection");
    this.#socket?.end(undefined);
    await ended;
    this.#whatsApp.stop();
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const node = await decodeBinaryNode(Buffer.from(bytes));
    if (node.tag === "message") this.#sent.push(node);
    const { id, xmlns } = node.attrs;
    if (node.tag !== "iq" || id === undefined) return;
    const answer = (content: BinaryNode[]): void =>
      void this.#socket!.ws.emit(`TAG:${id}`, { tag: "iq", attrs: { id, type: "result" }, content });
    if (xmlns !== "usync") return answer([]);
    const users = childrenOf(childOf(childOf(node, "usync"), "list")).map(({ attrs }) => attrs["jid"] ?? "");
    this.asked.push(...users);
    const list = users.map((jid): BinaryNode => {
      const ids = (this.#devices[jid] ?? []).map((device): BinaryNode => ({
        tag: "device",
        attrs: { id: device, "key-index": "1" },
      }));
      const ofUser: BinaryNode = { tag: "device-list", attrs: {}, content: ids };
      return { tag: "user", attrs: { jid }, content: [{ tag: "devices", attrs: {}, content: [ofUser] }] };
    });
    answer([{ tag: "usync", attrs: {}, content: [{ tag: "list", attrs: {}, content: list }] }]);
  }
}
