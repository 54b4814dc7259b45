// How a pool and its sessions are told what to do, and what is refused of it.
import type { ChannelCredentials } from "@grpc/grpc-js";
import type { OrphanedKeys } from "./baileys/first_creds.js";
import { checkAddresses, isLoopback } from "./connection/addresses.js";
import { invalidField } from "./errors.js";
import type { FolderProgress } from "./folder/folder_import.js";
import { MAX_LEASE_MS, MIN_LEASE_MS } from "./limits.js";
import type { AuthStateLogger } from "./logger.js";
import { checkPrefix } from "./names.js";
import { tlsCredentials, tlsOfEnvironment, type TlsOptions } from "./rpc/tls_credentials.js";
import { type TokenSource, tokenSource } from "./rpc/token_source.js";
import { PAIRING_STATES, type PairingState } from "./session/session_listing.js";

const DEFAULT_PATIENCE_MS = 60_000;
const DEFAULT_LEASE_TTL_MS = 15_000;
// A lease has a minute at least when maintenance ends, of which a server hears within two seconds.
const LEAST_LEASE_WAIT_MS = 75_000;
const DEFAULT_CACHE_BYTES = 256 * 1024 * 1024;

/** How a process uses the store. */
export interface AuthStatePoolOptions {
  /** Where authstated listens: `host:port`, such as `127.0.0.1:50051`, or `unix:PATH`. This or `addresses` is required. */
  address?: string;
  /**
   * Several servers on one database: one is used, the next one when it is away or stops. Of servers with write-behind, a
   * session that is at home on one of them is used there, if its address here is the one that it advertises, in letters of
   * either case. No other address is ever connected to.
   */
  addresses?: readonly string[];
  /**
   * Who this process is, for whoever finds a session leased: up to 100 characters of printable ASCII. A part that
   * differs for every start is added. Default: host name and process id.
   */
  owner?: string;
  /**
   * For how long, in milliseconds, a session stays this process's when it does not renew its lease: how long a successor
   * waits after a crash. 1,000 to 3,600,000; default 15,000.
   */
  leaseTtlMs?: number;
  /**
   * For how long, in milliseconds, a call waits through an outage before it throws. Default 60,000. The last attempt may
   * take 15 seconds more when the server does not even refuse. All steps of `useAuthState` together have this time once,
   * and one second more; it begins anew only when the server has answered that somebody else has the session, or when
   * another session's load, which this one waited for, has succeeded.
   */
  patienceMs?: number;
  /** How many bytes of keys are kept in memory, of all sessions together. Default 256 MiB. */
  cacheBytes?: number;
  /**
   * Whether the records of Signal sessions (`session` keys) are kept in memory as `set` is given them, and given to all who
   * ask: Baileys never writes to one. False where the program changes such objects itself: `get` then gives a copy to each
   * caller, as it does of all other keys. Default true.
   */
  sharedRecords?: boolean;
  /**
   * Told about the waits; of each kind, one warning in five seconds for all sessions. Default: none, and what somebody has
   * to see goes to the standard error stream.
   */
  logger?: AuthStateLogger;
  /**
   * TLS, with the files that it takes. Default: what the environment says as to authstatectl, if it has `AUTHSTATE_CA`, but
   * not beside `credentials`; else no TLS, for a server on the same machine.
   */
  tls?: TlsOptions;
  /** In place of `tls`, for what that cannot say. Pools share a connection only if they have the same object here. */
  credentials?: ChannelCredentials;
  /**
   * The token by which the server knows this process; or a function that returns it, asked once for each stream and for
   * each call outside of it, and again when a token is refused. Sent over TLS, or to this machine, alone. Default: that of
   * `tokenFile`; else of the environment, in `AUTHSTATE_TOKEN` or the file that `AUTHSTATE_TOKEN_FILE` names, but not
   * beside `credentials`, which may bring their own; else none.
   */
  token?: string | (() => string | Promise<string>);
  /** In place of `token`: the file that holds it, which is read again, so that a new token may be put into its place. */
  tokenFile?: string;
}

/** How one session is opened. */
export interface SessionOptions {
  /**
   * False: without a lease, for tools. Every read asks the server, and writes are refused with `LEASE_HELD` while
   * somebody has the session. Default true.
   */
  lease?: boolean;
  /**
   * Take the session also from an owner that is alive, in another process, which then loses it. The server has to allow
   * it. A session at home on one of the pool's servers is taken there, and waited for while that is away. Default false.
   */
  steal?: boolean;
  /**
   * For how long, in milliseconds, to wait for a session that somebody else has, before `LeaseHeldError`. `Infinity` makes
   * a stand-by. Default: twice `leaseTtlMs`, and 75 s at least, so that a restart succeeds after a crash, and after
   * maintenance, which leaves to a lease the time that it had, and a minute at least. Counts while the server says so, not
   * while it is away or in maintenance.
   */
  leaseWaitMs?: number;
  /**
   * What to do with a session that has keys and no creds, such as one that was restored in part. New creds beside old keys
   * would not read what old contacts write. `refuse`, the default: reject with `ORPHANED_KEYS`. `clear`: delete the keys,
   * in one commit with new creds.
   */
  onOrphanedKeys?: OrphanedKeys;
  /**
   * Whether new creds are made for a session that has none. False, for an account that was paired before: reject with
   * `NO_CREDS`, and give the lease back. Keys without creds are then refused with `ORPHANED_KEYS`, and not cleared.
   * Default true.
   */
  create?: boolean;
  /** Ends the wait for the session; `useAuthState` then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** As for the pool, for this session. */
  patienceMs?: number;
  /** As for the pool, for this session. */
  logger?: AuthStateLogger;
}

/** Which sessions of the store are listed. */
export interface ListOptions {
  /** Only those whose id starts with this: up to 128 characters of `[A-Za-z0-9._:@-]`. Default: all. */
  prefix?: string;
  /** Only those in one of these states; the server looks. Default: in any. */
  states?: readonly PairingState[];
}

/** How a session is deleted. */
export interface DeleteOptions {
  /** Delete it also while another process has it, which then loses it. The server has to allow it. Default false. */
  steal?: boolean;
}

/** How far a long work on a folder is. */
export interface FolderOptions {
  /** Ends it; the call then rejects with the signal's reason, and what it leaves behind is what a crash would leave. */
  signal?: AbortSignal;
  /** Told how far it is, file by file, commit by commit and page by page. What it throws ends the work, too. */
  onProgress?: (progress: FolderProgress) => void;
}

/** How a folder becomes a session. */
export interface ImportOptions extends FolderOptions {
  /** Put the folder in the place of a session that exists; its keys that the folder does not have are deleted. Default false. */
  replace?: boolean;
  /** Also while another process has the session, which then loses it. The server has to allow it. Default false. */
  steal?: boolean;
  /** Key types to know beside those of Baileys, for the names of files. Default: none. */
  keyTypes?: readonly string[];
  /** Where a file name does not tell whether `-` was `:` and `__` was `/`, take it as it stands. Default false. */
  literalIds?: boolean;
  /**
   * Leave out keys whose files are torn, empty or malformed, and name them in `leftOut`; where a whole `.json.bak` stands
   * beside one, that is taken, but for sessions and sender keys, whose old states peers reject. Creds are never left out.
   * Default false: such a folder is refused.
   */
  skipTorn?: boolean;
  /** Leave the creds of the folder out; those of the session, if there are any, stay. Default false. */
  keysOnly?: boolean;
  /** Read and check all of it, and tell what would be done, without a lease and without a write. Default false. */
  dryRun?: boolean;
}

/** The options of a pool, checked and complete. Throws AuthStateError. */
export function checkPoolOptions(options: AuthStatePoolOptions | undefined) {
  const { leaseTtlMs = DEFAULT_LEASE_TTL_MS, patienceMs = DEFAULT_PATIENCE_MS } = options ?? {};
  const {
    cacheBytes = DEFAULT_CACHE_BYTES,
    sharedRecords = true,
    tls: givenTls,
    token,
    tokenFile,
    ...rest
  } = options ?? {};
  const addresses = checkAddresses(options ?? {});
  if (typeof sharedRecords !== "boolean") throw invalidField("sharedRecords", "must be true or false");
  const ttlFits = typeof leaseTtlMs === "number" && leaseTtlMs >= MIN_LEASE_MS && leaseTtlMs <= MAX_LEASE_MS;
  if (!ttlFits) throw invalidField("leaseTtlMs", `must be ${MIN_LEASE_MS} to ${MAX_LEASE_MS}`);
  if (givenTls !== undefined && rest.credentials !== undefined) {
    throw invalidField("tls", "cannot be beside `credentials`");
  }
  const environment = rest.credentials === undefined ? process.env : {};
  const tls = givenTls ?? tlsOfEnvironment(environment);
  const credentials = tls === undefined ? rest.credentials : tlsCredentials(tls, rest.logger);
  const tokens = tokenSource({ token, tokenFile }, environment, rest.logger);
  if (tokens !== undefined && credentials?._isSecure() !== true) refuseToCross(tokens, addresses);
  return {
    ...{ ...rest, credentials, tokens, addresses, sharedRecords },
    leaseTtlMs,
    patienceMs: amount("patienceMs", patienceMs),
    cacheBytes: amount("cacheBytes", cacheBytes),
  };
}

// Whoever reads a token on its way may do what its owner may.
function refuseToCross({ name }: TokenSource, addresses: readonly string[]): void {
  const beyond = addresses.find((address) => !isLoopback(address));
  if (beyond === undefined) return;
  throw invalidField(name, `would go to ${beyond} in plain text, where others can read it; give the pool \`tls\``);
}

/** The options of a session in a pool of `pool`, checked and complete. Throws AuthStateError. */
export function checkSessionOptions(options: SessionOptions, pool: ReturnType<typeof checkPoolOptions>) {
  const { lease = true, steal = false, signal } = options;
  const { leaseWaitMs = Math.max(2 * pool.leaseTtlMs, LEAST_LEASE_WAIT_MS) } = options;
  const { patienceMs = pool.patienceMs, logger = pool.logger, onOrphanedKeys = "refuse" } = options;
  const { create = true } = options;
  if (typeof create !== "boolean") throw invalidField("create", "must be true or false");
  if (onOrphanedKeys !== "refuse" && onOrphanedKeys !== "clear") {
    throw invalidField("onOrphanedKeys", 'must be "refuse" or "clear"');
  }
  return {
    ...{ lease, steal, signal, logger, onOrphanedKeys, create },
    leaseWaitMs: amount("leaseWaitMs", leaseWaitMs),
    patienceMs: amount("patienceMs", patienceMs),
  };
}

/** The options of a listing, checked and complete. Throws AuthStateError. */
export function checkListOptions({ prefix = "", states = [] }: ListOptions) {
  checkPrefix(prefix);
  const areKnown = Array.isArray(states) && states.every((state: PairingState) => PAIRING_STATES.includes(state));
  if (!areKnown) throw invalidField("states", `must be an array of ${PAIRING_STATES.join(", ")}`);
  return { prefix, states };
}

// A string, as environment variables are, would be appended to a time; with NaN, a wait would never end.
function amount(field: string, value: unknown): number {
  if (typeof value === "number" && value >= 0) return value;
  throw invalidField(field, "must be a number of 0 or more");
}
