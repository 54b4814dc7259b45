export { isTablesError, type Outcome, TablesError, type TablesErrorCode } from "./errors.js";
export type { TablesLogger } from "./logger.js";
export type { CallOptions, SupabaseOptions, TablesOptions, TimewebOptions } from "./options.js";
export type { DatabaseName } from "./database_name.js";
export type { DatabaseCounts } from "./sending/database.js";
export type { Serving, ServingSource } from "./serving/serving.js";
export { createTables, Tables, type UpsertOptions, type UpsertProgress } from "./tables.js";
