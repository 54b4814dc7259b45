/** What the client logs with; a pino logger or Baileys' own fits. Never given credentials, keys or ids of keys. */
export interface AuthStateLogger {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
