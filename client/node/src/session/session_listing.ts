import { brokenAnswer } from "../errors.js";
import type { ListSessionsRequest, ListSessionsResponse, Session } from "../gen/authstate/v1/auth_state_service.js";
import { fromDuration } from "../rpc/durations.js";

// The most that the contract allows.
const PAGE_SESSIONS = 1_000;

/** A session in the store, as it was when its page of the listing was read. */
export interface SessionSummary {
  /** 1 to 128 characters of `[A-Za-z0-9._:@-]`. */
  sessionId: string;
  /** Whether it has creds. Whether the account is paired, only the creds tell. */
  hasCreds: boolean;
  /** How many keys it has, of all types. */
  keyCount: number;
  /** When it was last written, by the clock of the database (SQLite: of the server). */
  updateTime: Date | undefined;
  /** Who has the session: the `owner` of a pool, with a part that differs for every start. Unset when nobody has. */
  owner: string | undefined;
  /** For how long, in milliseconds, the owner's lease still lives if it is not renewed; 0 when nobody has one. */
  leaseRemainingMs: number;
}

function summaryOf({ sessionId, hasCreds, keyCount, updateTime, lease }: Session): SessionSummary {
  const leaseRemainingMs = lease?.remaining === undefined ? 0 : fromDuration(lease.remaining);
  return {
    ...{ sessionId, hasCreds, leaseRemainingMs },
    updateTime,
    keyCount: Number(keyCount),
    // The server also names one whose time is up.
    owner: leaseRemainingMs > 0 ? lease?.owner : undefined,
  };
}

/**
 * The sessions whose id starts with `prefix`, in the order of their id, page by page as they are asked for. `read` answers
 * a page. `onLeftOut` is told how many of a page no id of the contract can name.
 */
export async function* listSessions(
  prefix: string,
  read: (request: ListSessionsRequest) => Promise<ListSessionsResponse>,
  onLeftOut: (count: number) => void,
): AsyncGenerator<SessionSummary, void, void> {
  const asked = {
    ...{ prefix, pageSize: PAGE_SESSIONS, leased: false, unwrittenFor: undefined, hasCreds: undefined },
    ...{ states: [], withSize: false, withState: false },
  };
  let pageToken = "";
  do {
    const page = await read({ ...asked, pageToken });
    if (page.unaddressableIds.length > 0) onLeftOut(page.unaddressableIds.length);
    for (const session of page.sessions) yield summaryOf(session);
    if (page.nextPageToken !== "" && page.nextPageToken === pageToken) {
      throw brokenAnswer("ListSessions: a page that is followed by itself");
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
