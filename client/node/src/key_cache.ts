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
}

/** The keys of all sessions of a process, up to a number of bytes. The least recently used ones go first. */
export class KeyCache {
  readonly #maxBytes: number;
  // In the order of use.
  readonly #entries = new Set<Entry>();
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
    this.#entries.add(entry);
    this.#bytes += entry.bytes;
    for (const oldest of this.#entries) {
      if (this.#bytes <= this.#maxBytes) return;
      this.remove(oldest);
      oldest.owner.forget(oldest.name);
    }
  }

  /** @internal For SessionCache. */
  remove(entry: Entry): void {
    if (this.#entries.delete(entry)) this.#bytes -= entry.bytes;
  }

  /** @internal For SessionCache. */
  touch(entry: Entry): void {
    this.#entries.delete(entry);
    this.#entries.add(entry);
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
    const entry = { owner: this, name, value, bytes };
    this.#entries.set(name, entry);
    this.#cache.add(entry);
  }
}
