// Reads keys in as many calls as the limits of the contract ask for.
import { brokenAnswer, hasReason } from "../errors.js";
import type { GetKeysResponse } from "../gen/authstate/v1/auth_state_service.js";
import type { Value } from "../gen/authstate/v1/value.js";
import { MAX_COMMIT_OPERATIONS } from "../limits.js";

/** Reads these keys of one type, in one call. */
export type ReadKeys = (ids: string[]) => Promise<GetKeysResponse>;

// An answer that leaves a key out would read as absence: so every key must be answered, as found or as absent.
function takeFound(ids: readonly string[], { found, absent }: GetKeysResponse, values: Map<string, Value>): void {
  const absentIds = new Set(absent.map(({ id }) => id));
  for (const { key, value } of found) {
    if (key === undefined || value === undefined) throw brokenAnswer("GetKeys: a key without a name or a value");
    values.set(key.id, value);
  }
  const unanswered = ids.filter((id) => !values.has(id) && !absentIds.has(id));
  if (unanswered.length > 0)
    throw brokenAnswer(`GetKeys: ${unanswered.length} of ${ids.length} keys were not answered`);
}

/** The values of the keys that are there, by id. A key that is not there is left out. `ids` holds no id twice. */
export async function readKeys(ids: readonly string[], read: ReadKeys): Promise<Map<string, Value>> {
  const values = new Map<string, Value>();
  const parts: string[][] = [];
  for (let start = 0; start < ids.length; start += MAX_COMMIT_OPERATIONS) {
    parts.push(ids.slice(start, start + MAX_COMMIT_OPERATIONS));
  }
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    try {
      takeFound(part, await read(part), values);
    } catch (error) {
      if (!hasReason(error, "RESPONSE_TOO_LARGE") || part.length === 1) throw error;
      const half = Math.ceil(part.length / 2);
      parts.unshift(part.slice(0, half), part.slice(half));
    }
  }
  return values;
}
