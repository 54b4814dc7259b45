import type { AuthStateLogger } from "../logger.js";
import type { Pacing } from "../rpc/pacing.js";

/** How long a warning is not repeated, in milliseconds. */
export const WARNING_INTERVAL_MS = 5_000;

/**
 * Keeps an outage that hundreds of sessions meet from being told hundreds of times: each message is a warning once an
 * interval, over all loggers. In between it goes to the debug log, and the next warning says how often, as `leftOut`.
 */
export class WarningLimit {
  readonly #pacing: Pacing;
  readonly #told = new Map<string, { at: number; leftOut: number }>();

  constructor(pacing: Pacing) {
    this.#pacing = pacing;
  }

  /** Without a logger nothing is told, and nothing counts as told. */
  warn(logger: AuthStateLogger | undefined, fields: object, message: string): void {
    if (logger === undefined) return;
    const now = this.#pacing.now();
    const last = this.#told.get(message);
    if (last !== undefined && now - last.at < WARNING_INTERVAL_MS) {
      last.leftOut++;
      logger.debug(fields, message);
      return;
    }
    const leftOut = last?.leftOut ?? 0;
    this.#told.set(message, { at: now, leftOut: 0 });
    logger.warn(leftOut === 0 ? fields : { ...fields, leftOut }, message);
  }
}
