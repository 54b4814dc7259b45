// `authstatectl session check` tells of sessions that real Baileys made, and of what befalls them, whether it can go on.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import * as baileys from "baileys";
import * as baileys6 from "baileys-6";
import { type Baileys, memoryKeys, pairCreds, SignalAccount } from "../vectors/signal_account.ts";
import { TestFolder } from "./processes.ts";
import { Authstated } from "./servers.ts";
import { SqliteStore } from "./stores.ts";

const PHONE = "5511999990002";
const LID = "123456789012345:7@lid";
const KEPT_PRE_KEYS = 5;

type Creds = ReturnType<Baileys["initAuthCreds"]>;
interface Session {
  creds: Creds;
  keys: [type: string, id: string, value: unknown][];
}
interface Report {
  state: string;
  wrong: boolean;
  findings: { reason: string; message: string; wrong: boolean }[];
  keys: { type: string; count: number; bytes: number }[];
  largest: { type: string; id: string; bytes: number }[];
}

async function pairedSession(module: Baileys): Promise<Session> {
  const { store, values } = memoryKeys();
  const creds = module.initAuthCreds();
  const account = new SignalAccount(module, `${PHONE}:12@s.whatsapp.net`, { creds, keys: store });
  await account.makePreKeys(KEPT_PRE_KEYS);
  pairCreds(module, creds, `${PHONE}:12@s.whatsapp.net`, LID);
  await account.keys.set({ "app-state-sync-key": { [creds.myAppStateKeyId ?? ""]: { keyData: Buffer.alloc(32, 1) } } });
  const keys: Session["keys"] = [];
  for (const [type, ofType] of values) for (const [id, value] of ofType) keys.push([type, id, value]);
  return { creds, keys };
}

// What befalls a session that was paired, the state it is then in, and the reasons of what is wrong.
const cases: [name: string, befall: (session: Session) => void, state: string, reasons: string[]][] = [
  ["nothing", () => undefined, "paired", []],
  [
    "it was never paired",
    ({ creds }) => {
      delete creds.me;
      delete creds.account;
    },
    "unpaired",
    [],
  ],
  ["pairing broke off", ({ creds }) => delete creds.account, "half-paired", ["HALF_PAIRED"]],
  [
    "a pairing code was not entered",
    ({ creds }) => {
      creds.me = { id: `${PHONE}@s.whatsapp.net`, name: "~" };
      creds.pairingCode = "ABCD1234";
      delete creds.account;
    },
    "code-requested",
    ["CODE_REQUESTED"],
  ],
  [
    "an old creds.json came back beside newer keys",
    ({ creds }) => (creds.nextPreKeyId = creds.firstUnuploadedPreKeyId = 2),
    "paired",
    ["PRE_KEY_REUSE"],
  ],
  ["counters out of order", ({ creds }) => (creds.nextPreKeyId = 0), "paired", ["PRE_KEY_COUNTERS"]],
  [
    "bytes of a key stand as numbers",
    ({ keys }) => keys.push(["identity-key", "5511999990003.0", { ...Buffer.from([5, 1, 2]) }]),
    "paired",
    ["NO_BUFFERS"],
  ],
  [
    "the app-state key is gone",
    (session) => (session.keys = session.keys.filter(([type]) => type !== "app-state-sync-key")),
    "paired",
    ["APP_STATE_KEY_MISSING"],
  ],
  [
    "another pre-key was signed",
    ({ creds }) => (creds.signedPreKey.keyPair = baileys.Curve.generateKeyPair()),
    "paired",
    ["PRE_KEY_SIGNATURE"],
  ],
  [
    "one bit of the signature flipped",
    ({ creds }) => (creds.signedPreKey.signature = flipped(creds.signedPreKey.signature)),
    "paired",
    ["PRE_KEY_SIGNATURE"],
  ],
  [
    "the identity is that of another pairing",
    ({ creds }) => {
      const signedIdentityKey = baileys.Curve.generateKeyPair();
      Object.assign(creds, { signedIdentityKey, signedPreKey: baileys.signedKeyPair(signedIdentityKey, 1) });
    },
    "paired",
    ["ACCOUNT_SIGNATURE", "DEVICE_SIGNATURE"],
  ],
  [
    "a public key that is not the private one's",
    ({ creds }) => (creds.noiseKey.public = baileys.Curve.generateKeyPair().public),
    "paired",
    ["KEY_PAIR_MISMATCH"],
  ],
  ["identities are gone", ({ creds }) => (creds.signalIdentities = []), "paired", ["ACCOUNT_NOT_AN_IDENTITY"]],
  [
    "a private key is lost",
    ({ creds }) => delete (creds.noiseKey as Partial<Creds["noiseKey"]>).private,
    "damaged",
    ["CREDS_UNUSABLE"],
  ],
];

// What `session mend` does to those that it can mend, by the reason they are wrong for.
const mends: Record<string, string> = {
  PRE_KEY_REUSE: "COUNTERS_RAISED",
  PRE_KEY_COUNTERS: "COUNTERS_RAISED",
  NO_BUFFERS: "KEY_BYTES",
};

function flipped(signature: Uint8Array): Uint8Array {
  const bytes = Buffer.from(signature);
  bytes[3] = (bytes[3] ?? 0) ^ 1;
  return bytes;
}

for (const [version, module] of [
  ["Baileys 7", baileys],
  ["Baileys 6", baileys6 as unknown as Baileys],
] as const) {
  describe(`A session of ${version} is checked`, () => {
    const folder = new TestFolder();
    const authstated = new Authstated(new SqliteStore(folder).options);
    before(() => authstated.start());
    after(async () => {
      await authstated.stop();
      folder.remove();
    });

    async function store(id: string, session: Session, withCreds = true): Promise<void> {
      const file = join(folder.path, "value.json");
      const set = async (command: string[], value: unknown): Promise<void> => {
        writeFileSync(file, JSON.stringify(value, module.BufferJSON.replacer));
        await authstated.control(...command, `@${file}`);
      };
      if (withCreds) await set(["creds", "set", id], session.creds);
      for (const [type, key, value] of session.keys) await set(["keys", "set", id, type, key], value);
    }

    async function check(id: string): Promise<{ code: number; report: Report }> {
      const { code, stdout } = await authstated.tryControl("--json", "session", "check", id);
      const { sessions } = JSON.parse(stdout) as { sessions: [Report] };
      return { code, report: sessions[0] };
    }

    for (const [index, [name, befall, state, reasons]] of cases.entries()) {
      it(`of which ${name}`, async () => {
        const session = await pairedSession(module);
        befall(session);
        await store(`case-${index}`, session);
        const { code, report } = await check(`case-${index}`);
        assert.equal(report.state, state);
        assert.deepEqual(
          report.findings.map(({ reason }) => reason),
          reasons,
        );
        assert.equal(code, reasons.length === 0 ? 0 : 6);
      });
    }

    it("that has keys and no creds", async () => {
      await store("orphan", await pairedSession(module), false);
      const { code, report } = await check("orphan");
      assert.deepEqual([code, report.state, report.findings[0]?.reason], [6, "orphaned", "NO_CREDS"]);
    });

    it("and no phone number is told, nor a secret", async () => {
      const session = await pairedSession(module);
      session.keys.push(["session", `${PHONE}.0`, { _sessions: {}, padding: "x".repeat(300 << 10) }]);
      await store("large", session);
      const { code, report } = await check("large");
      assert.equal(code, 0, "what has grown is no fault");
      assert.deepEqual(
        report.findings.map(({ reason, wrong }) => [reason, wrong]),
        [["OVERGROWN_SESSIONS", false]],
      );
      assert.equal(report.keys.find(({ type }) => type === "pre-key")?.count, KEPT_PRE_KEYS);
      assert.deepEqual([report.largest[0]?.type, report.largest[0]?.id], ["session", "55*********02.0"]);

      const hidden = (await authstated.tryControl("session", "check", "large")).stdout;
      const shown = (await authstated.tryControl("session", "check", "large", "--show-ids")).stdout;
      assert.ok(!hidden.includes(PHONE) && shown.includes(PHONE));
      const { creds } = session;
      for (const secret of [creds.noiseKey.private, creds.signedIdentityKey.private]) {
        assert.ok(!shown.includes(Buffer.from(secret).toString("base64")));
      }
      assert.ok(!shown.includes(creds.advSecretKey));
    });

    it("among all others", async () => {
      const { code, stdout } = await authstated.tryControl("--json", "session", "check", "--all");
      const { sessions, wrong } = JSON.parse(stdout) as { sessions: Report[]; wrong: number };
      assert.equal(code, 6);
      assert.equal(sessions.length, cases.length + 2);
      assert.equal(wrong, cases.filter(([, , , reasons]) => reasons.length > 0).length + 1);
      assert.equal((await authstated.tryControl("session", "check", "--all", "--prefix", "large")).code, 0);
      assert.equal((await authstated.tryControl("session", "check")).code, 4);
      assert.equal((await authstated.tryControl("session", "check", "nobody")).code, 3);
    });

    it("and mended where that needs no WhatsApp", async () => {
      for (const [index, [name, , state, reasons]] of cases.entries()) {
        const id = `case-${index}`;
        const steps = reasons.flatMap((reason) => mends[reason] ?? []);
        const before = await authstated.control("creds", "get", id);
        for (const dryRun of [true, false]) {
          const run = await authstated.tryControl("--json", "session", "mend", id, ...(dryRun ? ["--dry-run"] : []));
          const told = JSON.parse(run.stdout) as { steps: { reason: string }[] };
          assert.deepEqual(
            told.steps.map(({ reason }) => reason),
            steps,
            name,
          );
          assert.equal(run.code, steps.length === reasons.length ? 0 : 6, name);
          if (dryRun || steps.length === 0) assert.equal(await authstated.control("creds", "get", id), before, name);
          if (dryRun)
            assert.deepEqual(
              (await check(id)).report.findings.map(({ reason }) => reason),
              reasons,
              name,
            );
        }
        const { code, report } = await check(id);
        assert.deepEqual([code, report.state], [steps.length === reasons.length ? 0 : 6, state], name);
      }
      const reused = cases.findIndex(([, , , reasons]) => reasons.includes("PRE_KEY_REUSE"));
      const creds = JSON.parse(await authstated.control("creds", "get", `case-${reused}`)) as Creds;
      assert.deepEqual(
        [creds.nextPreKeyId, creds.firstUnuploadedPreKeyId],
        [KEPT_PRE_KEYS + 1, KEPT_PRE_KEYS + 1],
        "one more than the highest",
      );
    });
  });
}
