// Shows that Baileys never writes to a session record that it was given, or has handed over: such objects are one for all
// who read them. libsignal is no strict code, which would write to a frozen object without a word; these refuse aloud.
import assert from "node:assert/strict";
import type { SignalKeyStore } from "baileys";

type Records = Record<string, object | null>;

const refuse = (): never => {
  throw new TypeError("something wrote to a session record that others read");
};

const targets = new WeakMap<object, object>();

// The same object, which throws at whatever would change it or a part of it, also in code that is not strict.
function unwritable(record: object): object {
  const shown = new Proxy(record, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      return typeof member === "object" && member !== null ? unwritable(member) : member;
    },
    ...{ set: refuse, deleteProperty: refuse, defineProperty: refuse, setPrototypeOf: refuse },
    preventExtensions: refuse,
  });
  targets.set(shown, record);
  return shown;
}

export interface WatchedKeys {
  keys: SignalKeyStore;
  // How often a record was read that had been read or written before as the very same object.
  readonly sharedReads: number;
}

// Hands session records through as objects that cannot be written to, and fails where one of them has changed since it was
// first seen.
export function watchRecords(store: SignalKeyStore): WatchedKeys {
  const texts = new WeakMap<object, string>();
  let sharedReads = 0;
  const keep = (records: Records, check: boolean): Records =>
    Object.fromEntries(
      Object.entries(records).map(([id, given]) => {
        if (given === null) return [id, given];
        const record = targets.get(given) ?? given;
        const before = texts.get(record);
        if (before === undefined) texts.set(record, JSON.stringify(record));
        else assert.equal(JSON.stringify(record), before, `the session record ${id} was changed in place`);
        if (check && before !== undefined) sharedReads++;
        return [id, unwritable(record)];
      }),
    );
  const keys: SignalKeyStore = {
    ...store,
    async get(type, ids) {
      const found = await store.get(type, ids);
      return type === "session" ? (keep(found as Records, true) as typeof found) : found;
    },
    async set(data) {
      const { session } = data;
      await store.set(session ? { ...data, session: keep(session as Records, false) as typeof session } : data);
    },
  };
  return {
    keys,
    get sharedReads() {
      return sharedReads;
    },
  };
}
