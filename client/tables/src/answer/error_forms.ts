// The errors of both databases in one form. The version of PostgREST before Supabase is Supabase's choice, and newer ones
// have codes and words of their own for what PostgreSQL's code said before.

export interface DatabaseError {
  code: string;
  message: string;
  details: string | null;
  hint: string | null;
  /** Where PostgreSQL's message names them. */
  table?: string;
  column?: string;
  constraint?: string;
}

// By the code that newer versions have: that of PostgREST 12, and its message where code relies on that.
const FORMER: Record<string, (message: string) => Pick<DatabaseError, "code" | "message">> = {
  // "Could not find the table 'public.nope' in the schema cache"
  PGRST205: (message) => ({ code: "42P01", message: `relation "${quoted(message) ?? "?"}" does not exist` }),
  PGRST116: () => ({ code: "PGRST116", message: "JSON object requested, multiple (or no) rows returned" }),
};

const NAMES: [name: "table" | "column" | "constraint", pattern: RegExp][] = [
  ["table", /\b(?:relation|table) "?([^"\s]+)"?/],
  ["column", /\bcolumn "([^"]+)"/],
  ["constraint", /\bconstraint "([^"]+)"/],
];

/** What the body of an answer says as an error of PostgREST or PostgreSQL; undefined where it is no such thing. */
export function databaseError(body: string): DatabaseError | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const { code, message, details, hint } = parsed as Partial<Record<keyof DatabaseError, unknown>>;
  if (typeof code !== "string" || typeof message !== "string") return undefined;
  const former = FORMER[code]?.(message) ?? { code, message };
  const error: DatabaseError = { ...former, details: textOrNull(details), hint: textOrNull(hint) };
  // The other codes speak of what was asked for, in words of the caller's.
  if (!error.code.startsWith("PGRST")) {
    for (const [name, pattern] of NAMES) {
      const [, found] = pattern.exec(error.message) ?? [];
      if (found !== undefined) error[name] = found.replace(/^public\./, "");
    }
  }
  return error;
}

const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null);
const quoted = (message: string): string | undefined => /'([^']+)'/.exec(message)?.[1];
