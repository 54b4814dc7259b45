// Redis through ioredis, one key a value: MGET for a get, one MULTI for a set.
import { BufferJSON, initAuthCreds } from "baileys";
import { Redis } from "ioredis";
import type { BenchSession, BenchStore, Values } from "./store.ts";

// They are made once, as that takes longer than to store them.
const CREDS = JSON.stringify(initAuthCreds(), BufferJSON.replacer);

export class RedisStore implements BenchStore {
  readonly #redis: Redis;

  constructor(url: string) {
    this.#redis = new Redis(url);
  }

  async open(sessionId: string): Promise<BenchSession> {
    const credsKey = `${sessionId}:creds`;
    const creds = await this.#redis.get(credsKey);
    if (creds === null) await this.#redis.set(credsKey, CREDS);
    const nameOf = (type: string, id: string): string => `${sessionId}:${type}:${id}`;
    return {
      get: async (type, ids) => {
        const texts = await this.#redis.mget(ids.map((id) => nameOf(type, id)));
        const found = Object.create(null) as Record<string, unknown>;
        texts.forEach((text, index) => {
          if (text !== null) found[ids[index]!] = JSON.parse(text, BufferJSON.reviver);
        });
        return found;
      },
      set: (values) => this.#set(nameOf, values),
      fill: (values) => this.#set(nameOf, values),
      close: async () => undefined,
    };
  }

  async close(): Promise<void> {
    await this.#redis.quit();
  }

  async #set(nameOf: (type: string, id: string) => string, values: Values): Promise<void> {
    const transaction = this.#redis.multi();
    for (const [type, ofType] of Object.entries(values)) {
      for (const [id, value] of Object.entries(ofType)) {
        if (value === null) transaction.del(nameOf(type, id));
        else transaction.set(nameOf(type, id), JSON.stringify(value, BufferJSON.replacer));
      }
    }
    const results = await transaction.exec();
    for (const [error] of results ?? []) if (error !== null) throw error;
  }
}
