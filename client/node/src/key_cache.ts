import { sizeOfValue } from "./codec/value_codec.js";
import { nameOf } from "./commit_plan.js";
import type { CommitRequest } from "./gen/authstate/v1/auth_state_service.js";
import type { Key, Value } from "./gen/authstate/v1/value.js";

// What an entry takes beside its name and value.
const ENTRY_BYTES = 128;

interface Entry {
  readonly owner: SessionCache;
  readonly name: string;
  // Unset: known to be absent.
  readonly value: Value | undefined;
  readonly bytes: number;
  // Its neighbours in the order of use.
  older: Entry | undefined;
  newer: Entry | undefined;
}

/** The keys of all sessions of a process, up to a number of bytes. The least recently used ones go first. */
export class KeyCache {
  readonly #maxBytes: number;
  // A list through the entries themselves: every read moves one, and a Set would be copied again and again for that.
  #oldest: Entry | undefined;
  #newest: Entry | undefined;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of what it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The part of one session; empty, and not complete. */
  open(): SessionCache {
    return new SessionCache(this);
  }

  /** @internal For SessionCache. */
  add(entry: Entry): void {
    this.#append(entry);
    this.#bytes += entry.bytes;
    while (this.#bytes > this.#maxBytes && this.#oldest !== undefined) {
      const oldest = this.#oldest;
      this.remove(oldest);
      oldest.owner.forget(oldest.name);
    }
  }

  /** @internal For SessionCache: an entry that was added. */
  remove(entry: Entry): void {
    this.#unlink(entry);
    this.#bytes -= entry.bytes;
  }

  /** @internal For SessionCache: an entry that was added. */
  touch(entry: Entry): void {
    if (entry === this.#newest) return;
    this.#unlink(entry);
    this.#append(entry);
  }

  #append(entry: Entry): void {
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry): void {
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}

/**
 * What is known of the keys of one session. Complete: a key that is not here is not in the store. It only ever holds
 * what the store has confirmed, and is valid while the session is leased.
 */
export class SessionCache {
  readonly #cache: KeyCache;
  readonly #entries = new Map<string, Entry>();
  #complete = false;
  #version = 0;

  constructor(cache: KeyCache) {
    this.#cache = cache;
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** Counts the commits; see `fill`. */
  get version(): number {
    return this.#version;
  }

  /** The key's value, `null` when it is absent, `undefined` when that is not known. */
  get(key: Key): Value | null | undefined {
    const entry = this.#entries.get(nameOf(key));
    if (entry === undefined) return this.#complete ? null : undefined;
    this.#cache.touch(entry);
    return entry.value ?? null;
  }

  /** Forgets everything; complete if the session is known to have no keys. */
  reset(complete: boolean): void {
    for (const entry of this.#entries.values()) this.#cache.remove(entry);
    this.#entries.clear();
    this.#complete = complete;
    this.#version++;
  }

  /** Takes in what was read when `version` was the present one; nothing if a commit came in between. */
  fill(key: Key, value: Value | undefined, version: number): void {
    if (version === this.#version) this.#put(nameOf(key), value);
  }

  /** Takes in a commit that is durable. */
  apply({ clearKeys, sets, deletes }: CommitRequest): void {
    if (clearKeys) this.reset(true);
    this.#version++;
    for (const { key, value } of sets) if (key !== undefined) this.#put(nameOf(key), value);
    for (const key of deletes) this.#put(nameOf(key), undefined);
  }

  /** @internal For KeyCache. */
  forget(name: string): void {
    this.#entries.delete(name);
    this.#complete = false;
  }

  #put(name: string, value: Value | undefined): void {
    const before = this.#entries.get(name);
    if (before !== undefined) {
      this.#entries.delete(name);
      this.#cache.remove(before);
    }
    // Absence needs no entry where everything that is there is known.
    if (value === undefined && this.#complete) return;
    const bytes = ENTRY_BYTES + name.length + (value === undefined ? 0 : sizeOfValue(value));
    const entry: Entry = { owner: this, name, value, bytes, older: undefined, newer: undefined };
    this.#entries.set(name, entry);
    this.#cache.add(entry);
  }
}
