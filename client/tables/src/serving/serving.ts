// Which database serves now, and whether it may be written to.
import type { DatabaseName } from "../database_name.js";

export interface Serving {
  database: DatabaseName;
  /** Why nobody writes for a while; undefined: writes go on. */
  maintenance: string | undefined;
}

/** Throws TablesError where nobody knows. Answers at once, without a promise, where nothing has to be asked. */
export type ServingNow = () => Serving | Promise<Serving>;

/**
 * Who tells which database serves: an `AuthStatePool` of `@authstate/baileys` does, by asking its authstated, so that the
 * tables follow the auth state through a switch and are not written to in its maintenance.
 */
export interface ServingSource {
  /** Asked at most once a second, while there are calls; each time once, and not for long. */
  serverInfo(): Promise<{
    /** The profile that serves: `supabase` or `timeweb`. */
    profile: string;
    /** Unset: there is none. */
    maintenance?: { reason: string } | undefined;
  }>;
}
