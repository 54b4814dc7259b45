// After `authstatectl session prune` the sending code of real Baileys brings back by itself what is gone, and every message
// decrypts, those too that were written before.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as baileys from "baileys";
import * as baileys6 from "baileys-6";
import { AuthStatePool } from "../../client/node/dist/esm/index.js";
import { type Baileys, memoryKeys, pairCreds, SignalAccount } from "../vectors/signal_account.ts";
import { TestFolder } from "./processes.ts";
import { type Encrypted, SendingSocket, type Sent } from "./sending_socket.ts";
import { Authstated } from "./servers.ts";
import { SqliteStore } from "./stores.ts";

const GROUP = "120363040000000001@g.us";

interface Person {
  sessionId: string;
  // The phone's; Baileys is the device 7 beside it.
  jid: string;
  device: string;
}
const person = (sessionId: string, user: string): Person => ({
  ...{ sessionId, jid: `${user}@s.whatsapp.net`, device: `${user}:7@s.whatsapp.net` },
});
const ALICE = person("alice", "5511999990001");
const BOB = person("bob", "5511999990002");

// One who is online: the account of the store, and its socket.
class Online {
  readonly socket = new SendingSocket();

  private constructor(
    readonly person: Person,
    readonly account: SignalAccount,
    readonly saveCreds: () => Promise<void>,
    private readonly closeAuth: () => Promise<void>,
    private readonly module: Baileys,
  ) {}

  static async come(module: Baileys, pool: AuthStatePool, person: Person): Promise<Online> {
    const { state, saveCreds, close } = await pool.useAuthState(person.sessionId);
    const account = new SignalAccount(module, person.device, state);
    const online = new Online(person, account, saveCreds, close, module);
    if (state.creds.me !== undefined) await online.connect();
    return online;
  }

  connect(): Promise<void> {
    const groups = { [GROUP]: [ALICE.jid, BOB.jid] };
    return this.socket.open(this.module, this.account.state, groups, {
      [ALICE.jid]: ["0", "7"],
      [BOB.jid]: ["0", "7"],
    });
  }

  async go(): Promise<void> {
    await this.socket.close();
    await this.closeAuth();
  }

  // What is in `part`, as Baileys reads a message: a sender key that comes along is taken.
  async read(from: Person, part: Encrypted): Promise<string> {
    const { repository } = this.account;
    const { type, ciphertext } = part;
    const bytes =
      type === "skmsg"
        ? await repository.decryptGroupMessage({ group: GROUP, authorJid: from.device, msg: ciphertext })
        : await repository.decryptMessage({ jid: from.device, type, ciphertext });
    const message = this.module.proto.Message.decode(this.module.unpadRandomMax16(bytes));
    const item = message.senderKeyDistributionMessage;
    if (item) await repository.processSenderKeyDistributionMessage({ item, authorJid: from.device });
    return message.conversation ?? "";
  }

  async receive(from: Person, { toDevices, toGroup }: Sent): Promise<string> {
    const own = toDevices.get(this.person.device);
    const text = own === undefined ? "" : await this.read(from, own);
    return toGroup === undefined ? text : this.read(from, toGroup);
  }
}

async function deliver(from: Online, to: Online, where: string, text: string): Promise<Sent> {
  const sent = await from.socket.send(where, text);
  assert.equal(await to.receive(from.person, sent), text);
  return sent;
}

for (const [version, module] of [
  ["Baileys 7", baileys],
  ["Baileys 6", baileys6 as unknown as Baileys],
] as const) {
  describe(`After pruning, ${version}`, () => {
    const folder = new TestFolder();
    const authstated = new Authstated(new SqliteStore(folder).options);
    let pool: AuthStatePool;
    before(async () => {
      await authstated.start();
      pool = new AuthStatePool({ address: authstated.address });
    });
    after(async () => {
      await pool?.close();
      await authstated.stop();
      folder.remove();
    });

    const online = (): Promise<[Online, Online]> =>
      Promise.all([Online.come(module, pool, ALICE), Online.come(module, pool, BOB)]);

    async function meet(): Promise<void> {
      const [alice, bob] = await online();
      for (const { account, person: who, saveCreds } of [alice, bob]) {
        const lid = who === ALICE ? "100000000000001:7@lid" : "100000000000002:7@lid";
        pairCreds(module, account.state.creds, who.device, lid);
        await account.makePreKeys(5);
        await saveCreds();
      }
      for (const phone of [ALICE.jid, BOB.jid]) {
        const creds = module.initAuthCreds();
        const ofPhone = new SignalAccount(module, phone, { creds, keys: memoryKeys().store });
        const first = await ofPhone.makePreKeys(2);
        for (const [index, { account }] of [alice, bob].entries()) {
          const session = await ofPhone.preKeyBundle(first + index);
          await account.repository.injectE2ESession({ jid: phone, session });
        }
      }
      const { account } = bob;
      const first = account.state.creds.nextPreKeyId - 5;
      await alice.account.repository.injectE2ESession({ jid: BOB.device, session: await account.preKeyBundle(first) });
      await Promise.all([alice.connect(), bob.connect()]);
      await deliver(alice, bob, BOB.jid, "hello");
      await deliver(bob, alice, ALICE.jid, "hello to you");
      await Promise.all([alice.go(), bob.go()]);
    }

    it("goes on with both, one to one and in a group", async () => {
      await meet();
      let [alice, bob] = await online();
      const firstToGroup = await deliver(alice, bob, GROUP, "everybody");
      assert.ok(firstToGroup.toDevices.has(BOB.device), "the sender key did not come along at first");
      await deliver(bob, alice, GROUP, "me too");
      const second = await deliver(alice, bob, GROUP, "again");
      assert.equal(second.toDevices.has(BOB.device), false, "the sender key came along twice");
      const late = [await alice.socket.send(BOB.jid, "late"), await alice.socket.send(GROUP, "late in the group")];
      await Promise.all([alice.go(), bob.go()]);

      for (const { sessionId } of [ALICE, BOB]) {
        await authstated.control("session", "prune", sessionId);
        const { keys } = JSON.parse(await authstated.control("--json", "keys", "list", sessionId)) as {
          keys: { type: string }[];
        };
        const types = new Set(keys.map(({ type }) => type));
        assert.equal(types.has("sender-key-memory"), false);
        assert.equal(types.has("device-list"), false);
        assert.ok(types.has("session") && types.has("pre-key") && types.has("sender-key"));
      }

      [alice, bob] = await online();
      assert.equal(await bob.receive(ALICE, late[0]!), "late");
      assert.equal(await bob.receive(ALICE, late[1]!), "late in the group");
      for (let round = 1; round <= 3; round++) {
        await deliver(alice, bob, BOB.jid, `there ${round}`);
        await deliver(bob, alice, ALICE.jid, `back ${round}`);
        const toGroup = await deliver(alice, bob, GROUP, `to all ${round}`);
        assert.equal(toGroup.toDevices.has(BOB.device), round === 1, "the sender key comes along once more, and once");
        await deliver(bob, alice, GROUP, `from all ${round}`);
      }
      assert.ok(alice.socket.asked.includes(BOB.jid) && bob.socket.asked.includes(ALICE.jid));
      await Promise.all([alice.go(), bob.go()]);
    });

    it("makes a sender key of its own anew where that is named, and hands it out", async () => {
      await authstated.control("session", "prune", ALICE.sessionId, "--type", "sender-key", "--older-than", "1ms");
      const [alice, bob] = await online();
      assert.ok((await deliver(alice, bob, GROUP, "with a new key")).toDevices.has(BOB.device));
      await deliver(alice, bob, GROUP, "and with it again");
      await Promise.all([alice.go(), bob.go()]);
    });
  });
}
