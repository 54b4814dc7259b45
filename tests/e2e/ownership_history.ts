// Tells from the recorded history of the owners whether each session had one at any moment.

export interface Tenure {
  readonly pool: { readonly name: string };
  readonly sessionId: string;
  // When it began, and when the last call began that it answered with success (0: none); milliseconds of one clock.
  readonly since: number;
  readonly lastBegun: number;
}

// A line for each owner that still wrote, with success, when its successor had the session.
export function overlaps(history: readonly Tenure[]): string[] {
  const found: string[] = [];
  const last = new Map<string, Tenure>();
  for (const tenure of [...history].sort((a, b) => a.since - b.since)) {
    const before = last.get(tenure.sessionId);
    if (before !== undefined && before.lastBegun >= tenure.since) {
      const ms = Math.round(before.lastBegun - tenure.since);
      found.push(`${tenure.sessionId}: ${before.pool.name} wrote ${ms} ms after ${tenure.pool.name} had it`);
    }
    last.set(tenure.sessionId, tenure);
  }
  return found;
}
