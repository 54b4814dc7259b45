/** What the client logs with; a pino logger or Baileys' own fits. Never given credentials, keys or ids of keys. */
export interface AuthStateLogger {
  debug(fields: object, message: string): void;
  /** Told of leases that were taken and given back. */
  info?(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Says what somebody has to see: as a warning, or on the standard error stream where there is no logger. */
export function notify(logger: AuthStateLogger | undefined, fields: object, message: string): void {
  if (logger === undefined) console.error(message);
  else logger.warn(fields, message);
}
