export type { AuthState, AuthStateKeys } from "./auth_state.js";
export { AuthStateError, type AuthStateErrorCode } from "./errors.js";
export type { AuthStateLogger } from "./logger.js";
export { type AuthStateOptions, useAuthState } from "./use_auth_state.js";
