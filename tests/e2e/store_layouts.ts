// A session in the layouts of other stores, as their sources have them: what their own tools would hand out of it.
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AuthenticationCreds, BufferJSON, proto } from "baileys";

export interface Session {
  creds: AuthenticationCreds;
  keys: [type: string, id: string, value: unknown][];
}

export interface Layout {
  // As in `--from`, and what tells layouts of one store apart.
  name: string;
  variant?: string;
  // Writes `session` of `sessionId` into `folder`; the arguments of `session import` for it, from the path on.
  write(folder: string, sessionId: string, session: Session): string[];
  // What is left out and named, beside what this store never had.
  leftOut?: (session: Session) => string[];
  // Whether Signal sessions come along; else contacts have to begin anew.
  dropsSessions?: true;
  // The types that the store never had.
  lacks?: string[];
}

const text = (value: unknown): string => JSON.stringify(value, BufferJSON.replacer);
const plain = (value: unknown): unknown => JSON.parse(text(value));
const fixed = (name: string): string => name.replaceAll("/", "__").replaceAll(":", "-");
const named = ({ creds, keys }: Session): [name: string, value: unknown][] => [
  ["creds", creds],
  ...keys.map(([type, id, value]): [string, unknown] => [`${type}-${id}`, value]),
];

function put(folder: string, name: string, content: string): string[] {
  const path = join(folder, name);
  writeFileSync(path, content);
  return [path];
}
const lines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

// Rows of (session, id, value) whose values are JSON text; mysql-baileys keeps strings as they are.
function rows(sessionId: string, session: Session, columns: [session: string, id: string, value: string]): object[] {
  const [ofSession, ofId, ofValue] = columns;
  return named(session).map(([name, value]) => ({ [ofSession]: sessionId, [ofId]: name, [ofValue]: text(value) }));
}

// How JSONB keeps an object: members by the length of their names, then by their bytes.
function asJsonb(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(asJsonb);
  const members = Object.entries(value).sort(([one], [other]) => one.length - other.length || (one < other ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, asJsonb(member)]));
}

// What MongoDB's driver makes of bytes, and mongoexport of that.
function asBson(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return { $binary: { base64: Buffer.from(value).toString("base64"), subType: "00" } };
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(asBson);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asBson(member)]));
}

// How MongoDB's updates take a name with dots: as a path.
function nested(value: object): object {
  const root: Record<string, unknown> = {};
  for (const [path, member] of Object.entries(value)) {
    const names = path.split(".");
    let at = root;
    for (const name of names.slice(0, -1)) at = (at[name] ??= {}) as Record<string, unknown>;
    at[names.at(-1)!] = member;
  }
  return root;
}

// Makes an SQLite file with these tables, each of rows by column.
function sqlite(path: string, tables: Record<string, [columns: string, rows: Record<string, unknown>[]]>): void {
  const literal = (value: unknown): string => {
    if (value instanceof Uint8Array) return `X'${Buffer.from(value).toString("hex")}'`;
    if (typeof value === "number") return String(value);
    return typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : "NULL";
  };
  const statements = Object.entries(tables).flatMap(([table, [columns, ofTable]]) => [
    `CREATE TABLE "${table}" (${columns});`,
    ...ofTable.map(
      (row) =>
        `INSERT INTO "${table}" (${Object.keys(row).join(",")}) VALUES (${Object.values(row).map(literal).join(",")});`,
    ),
  ]);
  execFileSync("sqlite3", ["-batch", path], { input: `BEGIN;${statements.join("\n")}COMMIT;` });
}

const SINGLE_FILE_TYPES: Record<string, string> = {
  "pre-key": "preKeys",
  session: "sessions",
  "sender-key": "senderKeys",
  "app-state-sync-key": "appStateSyncKeys",
  "app-state-sync-version": "appStateVersions",
  "sender-key-memory": "senderKeyMemory",
};

// Baileys of its time kept a sender key as an array, not yet as bytes.
function singleFile(session: Session): string {
  const keys: Record<string, Record<string, unknown>> = { preKeys: { 4711: null } };
  for (const [type, id, value] of session.keys) {
    const old = type === "sender-key" ? (JSON.parse(Buffer.from(value as Uint8Array).toString()) as unknown) : value;
    (keys[SINGLE_FILE_TYPES[type] ?? "undefined"] ??= {})[id] = old;
  }
  return text({ creds: session.creds, keys });
}

const bare = (bytes: Uint8Array | null | undefined): Buffer => {
  if (typeof bytes === "string") return Buffer.from(bytes, "base64");
  return Buffer.from(bytes ?? []);
};

// The tables of another library, in its columns; its Signal sessions are protobuf, of which these are no more than bytes.
function whatsmeow(path: string, { creds, keys }: Session): void {
  const jid = creds.me!.id;
  const { account, signedPreKey } = creds;
  const of = <Value>(type: string): [id: string, value: Value][] =>
    keys.filter(([ofKey]) => ofKey === type).map(([, id, value]) => [id, value as Value]);
  const address = (id: string): string => id.replace(/\.(\d+)$/, ":$1");
  const lids = of<string>("lid-mapping").filter(([id]) => !id.endsWith("_reverse"));
  sqlite(path, {
    whatsmeow_device: [
      "jid TEXT, lid TEXT, registration_id BIGINT, noise_key bytea, identity_key bytea, signed_pre_key bytea, " +
        "signed_pre_key_id INTEGER, signed_pre_key_sig bytea, adv_key bytea, adv_details bytea, adv_account_sig bytea, " +
        "adv_account_sig_key bytea, adv_device_sig bytea, platform TEXT, business_name TEXT, push_name TEXT",
      [
        {
          ...{ jid, lid: creds.me?.lid ?? "", registration_id: creds.registrationId },
          ...{ noise_key: creds.noiseKey.private, identity_key: creds.signedIdentityKey.private },
          ...{ signed_pre_key: signedPreKey.keyPair.private, signed_pre_key_id: signedPreKey.keyId },
          ...{ signed_pre_key_sig: signedPreKey.signature, adv_key: Buffer.from(creds.advSecretKey, "base64") },
          ...{ adv_details: bare(account?.details), adv_account_sig: bare(account?.accountSignature) },
          ...{
            adv_account_sig_key: bare(account?.accountSignatureKey),
            adv_device_sig: bare(account?.deviceSignature),
          },
          ...{ platform: "android", business_name: "", push_name: "Bob" },
        },
      ],
    ],
    whatsmeow_pre_keys: [
      "jid TEXT, key_id INTEGER, key bytea, uploaded BOOLEAN",
      of<{ private: Uint8Array }>("pre-key").map(([id, value]) => ({
        ...{ jid, key_id: Number(id), key: value.private, uploaded: 1 },
      })),
    ],
    whatsmeow_identity_keys: [
      "our_jid TEXT, their_id TEXT, identity bytea",
      of<Uint8Array>("identity-key").map(([id, value]) => ({
        ...{ our_jid: jid, their_id: address(id), identity: value.subarray(1) },
      })),
    ],
    whatsmeow_sessions: [
      "our_jid TEXT, their_id TEXT, session bytea",
      of("session").map(([id]) => ({ our_jid: jid, their_id: address(id), session: Buffer.from([10, 0]) })),
    ],
    whatsmeow_sender_keys: [
      "our_jid TEXT, chat_id TEXT, sender_id TEXT, sender_key bytea",
      of("sender-key").map(([id]) => ({
        ...{ our_jid: jid, chat_id: id.split("::")[0], sender_id: "x:0", sender_key: Buffer.from([10, 0]) },
      })),
    ],
    whatsmeow_app_state_sync_keys: [
      "jid TEXT, key_id bytea, key_data bytea, timestamp BIGINT, fingerprint bytea",
      of<proto.Message.IAppStateSyncKeyData>("app-state-sync-key").map(([id, value]) => ({
        ...{ jid, key_id: Buffer.from(id, "base64"), key_data: bare(value.keyData), timestamp: 1_760_000_000 },
      })),
    ],
    whatsmeow_app_state_version: [
      "jid TEXT, name TEXT, version BIGINT, hash bytea",
      of<{ version: number; hash: Uint8Array }>("app-state-sync-version").map(([name, { version, hash }]) => ({
        ...{ jid, name, version, hash },
      })),
    ],
    whatsmeow_lid_map: ["lid TEXT, pn TEXT", lids.map(([pn, lid]) => ({ lid, pn }))],
    whatsmeow_contacts: ["our_jid TEXT, their_jid TEXT, full_name TEXT", [{ our_jid: jid, their_jid: "1@lid" }]],
  });
}

// Types that stores of the time before Baileys 7 never had.
const NEW_TYPES = ["lid-mapping", "device-list", "tctoken", "identity-key"];

const has = (session: Session, type: string): boolean => session.keys.some(([ofKey]) => ofKey === type);

export const LAYOUTS: Layout[] = [
  {
    name: "single-file",
    write: (folder, _, session) => put(folder, "auth.json", singleFile(session)),
    leftOut: (session) => (has(session, "lid-mapping") ? ["keys.undefined"] : []),
    lacks: NEW_TYPES,
  },
  {
    name: "jsonl",
    write: (folder, sessionId, { creds, keys }) =>
      put(
        folder,
        "dump.jsonl",
        lines([
          { session: sessionId, type: "creds", value: plain(creds) },
          ...keys.map(([type, id, value]) => ({ session: sessionId, type, id, value: plain(value) })),
        ]),
      ),
  },
  {
    name: "map",
    variant: "the names of files",
    write: (folder, _, session) =>
      put(folder, "dump.json", text(Object.fromEntries(named(session).map(([name, value]) => [fixed(name), value])))),
  },
  {
    name: "fazer-ai",
    write: (folder, _, session) => {
      const hash = Object.fromEntries(named(session).map(([name, value]) => [name, text(value)]));
      const beside = { metadata: '{"clientName":"x"}', "import-candidates": "[]" };
      return put(folder, "hash.json", JSON.stringify({ ...hash, ...beside }));
    },
    leftOut: () => ["metadata", "import-candidates"],
  },
  {
    name: "baileys-redis-auth",
    variant: "a hash",
    write: (folder, _, session) => {
      const hash = Object.fromEntries(named(session).map(([name, value]) => [name, text(value)]));
      return put(folder, "hash.json", JSON.stringify(hash));
    },
  },
  {
    name: "baileys-redis-auth",
    variant: "keys",
    write: (folder, sessionId, session) => {
      const keys = named(session).map(([name, value]) => [`${sessionId}:${fixed(name)}`, text(value)]);
      return put(folder, "keys.json", JSON.stringify(Object.fromEntries(keys)));
    },
  },
  {
    name: "evolution-v2",
    variant: "in Redis",
    write: (folder, _, session) => {
      const hash = named(session).map(([name, value]) => [name, JSON.stringify(text(value))]);
      return put(folder, "hash.json", JSON.stringify(Object.fromEntries(hash)));
    },
  },
  {
    name: "evolution-v2",
    variant: "a row and a folder",
    write: (folder, sessionId, session) => {
      const row = { id: "ck1", sessionId, creds: JSON.stringify(text(session.creds)), createdAt: "2026-01-01" };
      const [path = ""] = put(folder, "session.json", JSON.stringify(row));
      const instance = join(folder, sessionId);
      mkdirSync(instance);
      for (const [type, id, value] of session.keys) put(instance, `${fixed(`${type}-${id}`)}.json`, text(value));
      return [instance, "--creds", path];
    },
  },
  {
    name: "evolution-v1",
    write: (folder, _, session) =>
      put(folder, "instance.json", lines(named(session).map(([_id, value]) => ({ _id, ...(plain(value) as object) })))),
    lacks: NEW_TYPES,
  },
  {
    name: "mongo-baileys",
    write: (folder, _, { creds, keys }) =>
      put(
        folder,
        "collection.json",
        lines([
          { _id: "auth_creds", creds: asBson(creds) },
          ...keys.map(([type, id, value]) => {
            const bytes = value instanceof Uint8Array ? { ...Buffer.from(value) } : asBson(value);
            return {
              _id: `${type}-${id}`,
              ...(type === "sender-key-memory" ? nested(bytes as object) : (bytes as object)),
            };
          }),
        ]),
      ),
    leftOut: ({ keys }) => keys.filter(([type]) => type === "sender-key-memory").map(([type, id]) => `${type}-${id}`),
    lacks: NEW_TYPES,
  },
  {
    name: "mysql-baileys",
    write: (folder, sessionId, session) => {
      const ofTable = named(session).map(([id, value]) => ({
        ...{ session: sessionId, id, value: typeof value === "string" ? value : text(value) },
      }));
      return put(folder, "rows.json", lines(ofTable));
    },
  },
  {
    name: "supabase-baileys",
    write: (folder, sessionId, session) => {
      const ofTable = named(session).map(([name, value]) => ({
        ...{ session: sessionId, id: fixed(name), value: asJsonb(plain(value)) },
      }));
      return put(folder, "rows.json", lines(ofTable));
    },
  },
  {
    name: "ookamiiixd",
    write: (folder, sessionId, session) => {
      const ofTable = rows(sessionId, session, ["sessionId", "id", "data"]).map((row, pkId) => ({ pkId, ...row }));
      const config = { pkId: 999, sessionId, id: `session-config-${sessionId}`, data: '{"readIncomingMessages":true}' };
      return put(folder, "rows.json", JSON.stringify([...ofTable, config]));
    },
    leftOut: () => ["session-config-bob"],
  },
  {
    name: "nizarfadlan",
    variant: "the SQLite file of Prisma",
    write: (folder, sessionId, session) => {
      const path = join(folder, "prisma.db");
      const ofTable = named(session).map(([name, value], pkId) => ({
        ...{ pkId, sessionId, id: fixed(name), data: text(value) },
      }));
      sqlite(path, { Session: ["pkId INTEGER PRIMARY KEY, sessionId TEXT, id TEXT, data TEXT", ofTable] });
      return [path];
    },
  },
  {
    name: "baileys-sqlite",
    write: (folder, _, { creds, keys }) => {
      const path = join(folder, "auth.db");
      sqlite(path, {
        creds: ["key TEXT PRIMARY KEY, value TEXT", [{ key: "__creds__", value: text(creds) }]],
        signal_keys: [
          "type TEXT, id TEXT, value TEXT, PRIMARY KEY (type, id)",
          keys.map(([type, id, value]) => ({ type, id, value: text(value) })),
        ],
      });
      return [path];
    },
  },
  {
    name: "whatsmeow",
    write: (folder, _, session) => {
      const path = join(folder, "store.db");
      whatsmeow(path, session);
      return [path];
    },
    leftOut: () => ["whatsmeow_sessions", "whatsmeow_sender_keys", "whatsmeow_contacts"],
    dropsSessions: true,
    lacks: ["sender-key-memory", "device-list", "tctoken"],
  },
];
