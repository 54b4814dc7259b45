export type { AuthState, AuthStateEvents, AuthStateKeys } from "./auth_state.js";
export { AuthStatePool, type AuthStatePoolOptions, type SessionOptions } from "./auth_state_pool.js";
export { AuthStateError, type AuthStateErrorCode, LeaseHeldError, LeaseLostError } from "./errors.js";
export type { AuthStateLogger } from "./logger.js";
export { type AuthStateOptions, useAuthState } from "./use_auth_state.js";
