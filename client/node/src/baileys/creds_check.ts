// Checks that creds can work: that they have what Baileys 6.7 and 7.0 read for every login and every message, without a
// check of their own. Creds have all that from the start, so an account need not be paired to pass.
import { unusableCredsError } from "../errors.js";

// Which member is not what it has to be, and why.
export type Fault = { path: string; why: string };
type Check = (value: unknown, path: string) => Fault | undefined;

const MAX_REGISTRATION_ID = 2 ** 32 - 1;

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function mustBe(wanted: string, value: unknown, path: string): Fault {
  return { path, why: value === undefined ? "is missing" : `must be ${wanted}, is ${kindOf(value)}` };
}

function bytes(length: number): Check {
  return (value, path) => {
    if (!(value instanceof Uint8Array)) return mustBe(`${length} bytes`, value, path);
    return value.length === length ? undefined : { path, why: `must be ${length} bytes, has ${value.length}` };
  };
}

function integer(max: number): Check {
  return (value, path) => {
    if (typeof value !== "number") return mustBe("a number", value, path);
    const fits = Number.isInteger(value) && value >= 0 && value <= max;
    return fits ? undefined : { path, why: `must be an integer from 0 to ${max}` };
  };
}

function object(members: Readonly<Record<string, Check>>): Check {
  return (value, path) => {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array) {
      return mustBe("an object", value, path);
    }
    for (const [name, check] of Object.entries(members)) {
      const fault = check((value as Record<string, unknown>)[name], `${path}.${name}`);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}

const keyPair = object({ private: bytes(32), public: bytes(32) });
const checkMembers = object({
  noiseKey: keyPair,
  signedIdentityKey: keyPair,
  signedPreKey: object({ keyPair, signature: bytes(64) }),
  registrationId: integer(MAX_REGISTRATION_ID),
});

/** What Baileys could not work with, if anything. */
export const credsFault = (creds: unknown): Fault | undefined => checkMembers(creds, "creds");

/** @throws AuthStateError (UNUSABLE_CREDS) that names the member at fault */
export function checkCreds(sessionId: string, creds: unknown): void {
  const fault = credsFault(creds);
  if (fault !== undefined) throw unusableCredsError(sessionId, fault.path, fault.why);
}
