// Notices makeCacheableSignalKeyStore over the keys of this client, which Baileys' own examples put there. Its calls look
// like any other, except for the places in Baileys' code where they come from. One call of each tells which those are.
import type { SignalKeyStore } from "baileys" with { "resolution-mode": "import" };
import { type AuthStateLogger, notify } from "../logger.js";
import type { BaileysModule } from "./baileys_module.js";

const WARNING =
  "makeCacheableSignalKeyStore stands over the keys of authstate, which answers from memory already: it only adds reads of " +
  "values whose write failed, or that are another process's by now. Pass `auth: state` as it is";
// How many calls of one session are looked at; each look costs some microseconds.
const LOOKS = 16;

type Method = (...given: never[]) => unknown;

// A program may have another copy of the same Baileys, in another folder.
const FILE_AND_PLACE = /[^/\\]+:\d+:\d+(?=\)?$)/;

// Where `callee`, which is running, was called from: file name, line and column.
function callSite(callee: Method): string | undefined {
  const at: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(at, callee);
  Error.stackTraceLimit = limit;
  return FILE_AND_PLACE.exec(String(at.stack))?.[0];
}

interface CacheLayer {
  readonly callSites: ReadonlySet<string>;
  warned: boolean;
}

const layers = new WeakMap<BaileysModule, Promise<CacheLayer>>();

async function findCallSites({ makeCacheableSignalKeyStore }: BaileysModule): Promise<Set<string>> {
  const callSites = new Set<string>();
  const note = (callee: Method): void => {
    const site = callSite(callee);
    if (site !== undefined) callSites.add(site);
  };
  const store: SignalKeyStore = {
    async get() {
      note(store.get);
      return {};
    },
    async set() {
      note(store.set);
    },
  };
  const emptyCache = { get: () => undefined, set: () => true, del: () => 0, flushAll: () => undefined };
  const cached = makeCacheableSignalKeyStore(store, undefined, emptyCache as never);
  await cached.get("session", ["any"]);
  await cached.set({ session: {} });
  return callSites;
}

/** `get` and `set` call this first, each with itself. It warns once in a process. */
export type CacheLayerWatch = (callee: Method) => void;

export async function watchForCacheLayer(
  baileys: BaileysModule,
  logger: AuthStateLogger | undefined,
): Promise<CacheLayerWatch> {
  let known = layers.get(baileys);
  if (known === undefined) {
    // A Baileys that has no such function, or another one, has nothing to be warned of.
    const callSites = findCallSites(baileys).catch(() => new Set<string>());
    known = callSites.then((sites) => ({ callSites: sites, warned: false }));
    layers.set(baileys, known);
  }
  const layer = await known;
  let looks = layer.callSites.size > 0 ? LOOKS : 0;
  return (callee) => {
    if (layer.warned || looks === 0) return;
    looks--;
    const site = callSite(callee);
    if (site === undefined || !layer.callSites.has(site)) return;
    layer.warned = true;
    notify(logger, {}, WARNING);
  };
}
