/**
 * What the tables log with; a pino logger fits. One line a call, at debug: which database, table, columns that were
 * filtered, how it ended, how often it was tried, how long it took. Never a value.
 */
export interface TablesLogger {
  debug(fields: object, message: string): void;
}
