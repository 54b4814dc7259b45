import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as baileys from "baileys";
import * as baileys6 from "baileys-6";
import type { BaileysModule } from "../src/baileys/baileys_module.ts";
import { watchForCacheLayer } from "../src/baileys/cache_layer.ts";
import type { AuthStateLogger } from "../src/logger.ts";
import { silentLogger } from "./support/silent_logger.ts";

describe("makeCacheableSignalKeyStore over the keys", () => {
  const nothing = (): void => undefined;
  const noCache = { get: () => undefined, set: () => true, del: () => 0, flushAll: () => undefined } as never;

  async function watchedKeys(module: BaileysModule): Promise<{ keys: baileys.SignalKeyStore; warnings: string[] }> {
    const warnings: string[] = [];
    const logger: AuthStateLogger = { debug: nothing, warn: (_, message) => void warnings.push(message) };
    const look = await watchForCacheLayer(module, logger);
    const keys: baileys.SignalKeyStore = {
      async get() {
        look(keys.get);
        return {};
      },
      async set() {
        look(keys.set);
      },
    };
    return { keys, warnings };
  }

  // Every test has a module of its own, for the warning comes once for each.
  const versions = [
    ["7", (): typeof baileys => ({ ...baileys })],
    ["6", (): typeof baileys => ({ ...baileys6 }) as unknown as typeof baileys],
  ] as const;
  for (const [name, load] of versions) {
    for (const [what, use] of [
      ["a get", (keys: baileys.SignalKeyStore) => keys.get("session", ["a"])],
      ["a set", (keys: baileys.SignalKeyStore) => keys.set({ session: { a: null } })],
    ] as const) {
      it(`is warned of once at ${what}: Baileys ${name}`, async () => {
        const module = load();
        const first = await watchedKeys(module);
        const cached = module.makeCacheableSignalKeyStore(first.keys, silentLogger, noCache);
        await use(cached);
        await use(cached);
        const second = await watchedKeys(module);
        await use(module.makeCacheableSignalKeyStore(second.keys, silentLogger, noCache));
        assert.equal(first.warnings.length, 1);
        assert.match(first.warnings[0]!, /makeCacheableSignalKeyStore/);
        assert.deepEqual(second.warnings, []);
      });

      it(`is seen below the transactions of Baileys too, at ${what}: Baileys ${name}`, async () => {
        const module = load();
        const { keys, warnings } = await watchedKeys(module);
        const cached = module.makeCacheableSignalKeyStore(keys, silentLogger, noCache);
        const options = { maxCommitRetries: 1, delayBetweenTriesMs: 1 };
        const transactional = module.addTransactionCapability(cached, silentLogger, options);
        await transactional.transaction(async () => void (await use(transactional)), "any");
        assert.equal(warnings.length, 1);
      });

      it(`is not seen where it is not, at ${what}: Baileys ${name}`, async () => {
        const module = load();
        const { keys, warnings } = await watchedKeys(module);
        const options = { maxCommitRetries: 1, delayBetweenTriesMs: 1 };
        const transactional = module.addTransactionCapability(keys, silentLogger, options);
        await use(keys);
        await use(transactional);
        await transactional.transaction(async () => void (await use(transactional)), "any");
        assert.deepEqual(warnings, []);
      });
    }
  }
});
