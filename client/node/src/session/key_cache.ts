import { type EncodedValue, sizeOfValue } from "../codec/value_codec.js";
import type { CommitRequest } from "../gen/authstate/v1/auth_state_service.js";
import type { Key, Value } from "../gen/authstate/v1/value.js";

// Bytes that an entry takes beside its id and value.
const ENTRY_BYTES = 128;
// How many bytes of the heap an object takes for each of its text: 1.2 as JSON.parse makes it, up to 2.2 member by member
// (session records of 1.5 and of 10 kB).
const OBJECT_FACTOR = 2.5;

/** An object that all who ask for a key are given, and nobody writes to. */
export class Shared {
  constructor(
    readonly object: object,
    /** Bytes of its text. */
    readonly bytes: number,
  ) {}
}

/** Reads the JSON text of a key of `type`, if those who read such a key may share what it says. */
export type ReadShared = (type: string, text: string) => object | undefined;

// The JSON text or the raw bytes of a Value. The two objects around them would cost time at every garbage collection.
type Content = string | Buffer | Shared;

interface Entry {
  readonly owner: SessionCache;
  // The entries of its session and type, by id.
  readonly siblings: Map<string, Entry>;
  readonly id: string;
  // Unset: known to be absent.
  readonly content: Content | undefined;
  readonly bytes: number;
  // Whether it was asked for.
  asked: boolean;
  // Its neighbours in the order of use.
  older: Entry | undefined;
  newer: Entry | undefined;
}

function toFound(content: Content): Value | Shared {
  if (content instanceof Shared) return content;
  return { kind: typeof content === "string" ? { $case: "json", value: content } : { $case: "raw", value: content } };
}

function contentOf(value: Value | EncodedValue): Content | undefined {
  if ("shared" in value && value.shared !== undefined) return new Shared(value.shared, value.bytes);
  return value.kind?.value;
}

function sizeOfShared({ bytes }: Shared): number {
  return Math.ceil(bytes * OBJECT_FACTOR);
}

/** The keys of all sessions of a process, up to a number of bytes. The least recently used ones go first. */
export class KeyCache {
  readonly #maxBytes: number;
  /** @internal For SessionCache. */
  readonly readShared: ReadShared;
  // The ends of a list through the entries. Every read moves an entry to its end, for which a Set would be copied again
  // and again.
  #oldest: Entry | undefined;
  #newest: Entry | undefined;
  #bytes = 0;

  constructor(maxBytes: number, readShared: ReadShared = () => undefined) {
    this.#maxBytes = maxBytes;
    this.readShared = readShared;
  }

  /** Bytes of what it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Makes the part of one session, empty and not complete. */
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
      oldest.siblings.delete(oldest.id);
      oldest.owner.noteForgotten();
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
  // The entries by type and id. One map would need a name of both, built and hashed anew for every read.
  readonly #types = new Map<string, Map<string, Entry>>();
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
  get({ type, id }: Key): Value | Shared | null | undefined {
    const entry = this.#types.get(type)?.get(id);
    if (entry === undefined) return this.#complete ? null : undefined;
    const { content } = entry;
    // After a start most keys are asked for once, and written then: to keep them all as objects would only fill the heap.
    if (typeof content === "string" && entry.asked) return this.#share(entry, type, content);
    entry.asked = true;
    this.#cache.touch(entry);
    return content === undefined ? null : toFound(content);
  }

  /** Forgets everything; complete if the session is known to have no keys. */
  reset(complete: boolean): void {
    for (const ofType of this.#types.values()) {
      for (const entry of ofType.values()) this.#cache.remove(entry);
    }
    this.#types.clear();
    this.#complete = complete;
    this.#version++;
  }

  /** Takes in what was read when `version` was the present one; nothing if a commit came in between. */
  fill(key: Key, value: Value | undefined, version: number): void {
    if (version === this.#version) this.#put(key, value);
  }

  /** Takes in a commit that is durable. */
  apply({ clearKeys, sets, deletes }: CommitRequest): void {
    if (clearKeys) this.reset(true);
    this.#version++;
    for (const { key, value } of sets) if (key !== undefined) this.#put(key, value);
    for (const key of deletes) this.#put(key, undefined);
  }

  /** @internal For KeyCache: something that is in the store is no longer here. */
  noteForgotten(): void {
    this.#complete = false;
  }

  #put({ type, id }: Key, value: Value | undefined): void {
    const siblings = this.#types.get(type) ?? new Map<string, Entry>();
    const before = siblings.get(id);
    if (before !== undefined) {
      siblings.delete(id);
      this.#cache.remove(before);
    }
    // Where every key that is there is known, an absent one needs no entry.
    if (value === undefined && this.#complete) return;
    const content = value === undefined ? undefined : contentOf(value);
    // A value of a kind that this client does not know is not absent: who wants it asks the server, and is refused then.
    if (value !== undefined && content === undefined) return this.noteForgotten();
    this.#types.set(type, siblings);
    const size = content instanceof Shared ? sizeOfShared(content) : value === undefined ? 0 : sizeOfValue(value);
    this.#add(siblings, id, content, size);
  }

  // Keeps the object that the text of `entry` says, if those who ask for it may share it.
  #share(entry: Entry, type: string, text: string): Value | Shared {
    const object = this.#cache.readShared(type, text);
    if (object === undefined) {
      this.#cache.touch(entry);
      return toFound(text);
    }
    const shared = new Shared(object, Buffer.byteLength(text));
    this.#cache.remove(entry);
    this.#add(entry.siblings, entry.id, shared, sizeOfShared(shared));
    return shared;
  }

  #add(siblings: Map<string, Entry>, id: string, content: Content | undefined, size: number): void {
    const bytes = ENTRY_BYTES + id.length + size;
    const entry: Entry = {
      owner: this,
      siblings,
      id,
      content,
      bytes,
      asked: false,
      older: undefined,
      newer: undefined,
    };
    siblings.set(id, entry);
    this.#cache.add(entry);
  }
}
