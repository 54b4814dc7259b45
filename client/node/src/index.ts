export type { AuthState, AuthStateEvents, AuthStateKeys } from "./auth_state.js";
export type { OrphanedKeys } from "./baileys/first_creds.js";
export { AuthStatePool } from "./auth_state_pool.js";
export {
  AccessDeniedError,
  AuthStateError,
  type AuthStateErrorCode,
  isAuthStateError,
  LeaseHeldError,
  LeaseLostError,
  type LostError,
  TokenRefusedError,
} from "./errors.js";
export type { AuthStateLogger } from "./logger.js";
export type { ExportedFolder } from "./folder/folder_export.js";
export type { FolderProgress, ImportedFolder } from "./folder/folder_import.js";
export type { LeftOutFile } from "./folder/folder_reader.js";
export type {
  AuthStatePoolOptions,
  DeleteOptions,
  FolderOptions,
  ImportOptions,
  ListOptions,
  SessionOptions,
} from "./options.js";
export type { ServerInfo } from "./rpc/server_info.js";
export type { TlsOptions } from "./rpc/tls_credentials.js";
export type { PairingState, SessionSummary } from "./session/session_listing.js";
export { type AuthStateOptions, useAuthState } from "./use_auth_state.js";
