import { brokenAnswer } from "../errors.js";
import {
  type ListSessionsRequest,
  type ListSessionsResponse,
  type Session,
  SessionState,
} from "../gen/authstate/v1/auth_state_service.js";
import { fromDuration } from "../rpc/durations.js";

// The most that the contract allows.
const PAGE_SESSIONS = 1_000;

const STATES = {
  paired: SessionState.SESSION_STATE_PAIRED,
  "code-requested": SessionState.SESSION_STATE_CODE_REQUESTED,
  "half-paired": SessionState.SESSION_STATE_HALF_PAIRED,
  unpaired: SessionState.SESSION_STATE_UNPAIRED,
  orphaned: SessionState.SESSION_STATE_ORPHANED,
  damaged: SessionState.SESSION_STATE_DAMAGED,
} as const;

/**
 * How far the pairing of a session has come: `paired`, and so ready to log in; `code-requested`, with a pairing code that
 * was not entered, and `half-paired`, both of which have to be paired anew; `unpaired`; `orphaned`, keys without creds;
 * `damaged`, creds that cannot be read. Whether Baileys can work with all that creds hold, `authstatectl session check` tells.
 */
export type PairingState = keyof typeof STATES;

export const PAIRING_STATES = Object.keys(STATES) as PairingState[];

/** A session in the store, as it was when its page of the listing was read. */
export interface SessionSummary {
  /** 1 to 128 characters of `[A-Za-z0-9._:@-]`. */
  sessionId: string;
  hasCreds: boolean;
  /** How far its pairing has come, read a moment after the rest. Unset where the server is of an older version. */
  state: PairingState | undefined;
  /** How many keys it has, of all types. */
  keyCount: number;
  /** When it was last written, by the clock of the database (SQLite: of the server). */
  updateTime: Date | undefined;
  /** Who has the session: the `owner` of a pool, with a part that differs for every start. Unset when nobody has. */
  owner: string | undefined;
  /** For how long, in milliseconds, the owner's lease still lives if it is not renewed; 0 when nobody has one. */
  leaseRemainingMs: number;
}

function summaryOf({ sessionId, hasCreds, keyCount, updateTime, lease, state }: Session): SessionSummary {
  const leaseRemainingMs = lease?.remaining === undefined ? 0 : fromDuration(lease.remaining);
  return {
    ...{ sessionId, hasCreds, leaseRemainingMs },
    updateTime,
    state: PAIRING_STATES.find((name) => STATES[name] === state),
    keyCount: Number(keyCount),
    // The server also names one whose time is up.
    owner: leaseRemainingMs > 0 ? lease?.owner : undefined,
  };
}

/** Which sessions are listed. */
export interface SessionFilter {
  prefix: string;
  /** Empty: in any. */
  states: readonly PairingState[];
  /** Whether to tell the state of each. */
  withState: boolean;
}

/**
 * The sessions that `filter` lets pass, in the order of their id, page by page as they are asked for. `read` answers a
 * page. `onLeftOut` is told how many of a page no id of the contract can name.
 */
export async function* listSessions(
  { prefix, states, withState }: SessionFilter,
  read: (request: ListSessionsRequest) => Promise<ListSessionsResponse>,
  onLeftOut: (count: number) => void,
): AsyncGenerator<SessionSummary, void, void> {
  const asked = {
    ...{ prefix, pageSize: PAGE_SESSIONS, leased: false, unwrittenFor: undefined, hasCreds: undefined },
    ...{ states: states.map((name) => STATES[name]), withSize: false, withState },
  };
  let pageToken = "";
  do {
    const page = await read({ ...asked, pageToken });
    if (page.unaddressableIds.length > 0) onLeftOut(page.unaddressableIds.length);
    yield* page.sessions.map(summaryOf);
    if (page.nextPageToken !== "" && page.nextPageToken === pageToken) {
      throw brokenAnswer("ListSessions: a page that is followed by itself");
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
