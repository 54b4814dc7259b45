/** An answer that was read to its end. */
export interface Answer {
  status: number;
  statusText: string;
  body: string;
  contentType: string;
  contentRange: string | null;
  /** What it was read from; undefined where it is not what came. */
  response: Response | undefined;
}

export const isSuccess = ({ status }: Answer): boolean => status >= 200 && status < 300;

// These have no body, and a Response of them takes none.
const BODILESS = new Set([101, 204, 205, 304]);

/** As the builder wants it; of the headers it reads this one alone. */
export function toResponse({ status, statusText, body, contentRange, response }: Answer): Response {
  // To make another one would take longer than all the rest here.
  if (response !== undefined) return Object.assign(response, { text: () => Promise.resolve(body) });
  const headers: Record<string, string> = contentRange === null ? {} : { "content-range": contentRange };
  return new Response(BODILESS.has(status) ? null : body, { status, statusText, headers });
}

export interface RowRange {
  /** The rows that were answered. */
  count: number;
  /** The first of them among those that pass the filters; 0 without any. */
  first: number;
  /** How many pass the filters, where the server was asked to count. */
  total: number | undefined;
}

/** What `Content-Range` says: `0-999/1304`, `0-999/*`, or a star for both without rows. */
export function rowRange({ contentRange }: Answer): RowRange | undefined {
  const [, first, last, total] = /^(?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(contentRange ?? "") ?? [];
  if (total === undefined) return undefined;
  const known = total === "*" ? undefined : Number(total);
  if (first === undefined) return { count: 0, first: 0, total: known };
  return { count: Number(last) - Number(first) + 1, first: Number(first), total: known };
}
