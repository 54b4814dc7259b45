// Follows what a ServingSource tells.
import { isDatabaseName } from "../database_name.js";
import { TablesError } from "../errors.js";
import type { Pacing } from "../pacing.js";
import type { Serving, ServingNow, ServingSource } from "./serving.js";

const ASK_EVERY_MS = 1_000;
// As long as servers trust what they hear of maintenance: 3 s after a switch or maintenance nobody goes by what was before.
const TRUST_MS = 3_000;

/** No call waits for an answer as long as there is one of the last second, or of the last three while a new one is asked for. */
export function follow(source: ServingSource, pacing: Pacing): ServingNow {
  let known: { serving: Serving; askedAt: number } | undefined;
  let asking: Promise<Serving> | undefined;

  const ask = async (): Promise<Serving> => {
    const askedAt = pacing.now();
    const { profile, maintenance } = await source.serverInfo().catch((error: unknown) => {
      throw unknown(`authstated does not say which database serves: ${(error as Error).message}`, error);
    });
    if (!isDatabaseName(profile)) throw unknown(`authstated serves from ${profile}, which has none of these tables`);
    const serving = { database: profile, maintenance: maintenance?.reason };
    known = { serving, askedAt };
    return serving;
  };

  return () => {
    const age = known === undefined ? Infinity : pacing.now() - known.askedAt;
    if (age >= ASK_EVERY_MS) {
      asking ??= ask().finally(() => (asking = undefined));
      // Whoever goes by what is known does not wait for it; it is asked again by the next call.
      if (age < TRUST_MS) asking.catch(() => undefined);
      else return asking;
    }
    return known!.serving;
  };
}

function unknown(message: string, cause?: unknown): TablesError {
  return new TablesError(message, { code: "SERVING_UNKNOWN", outcome: "NOT_APPLIED", retryable: true, cause });
}
