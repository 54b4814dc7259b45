// The limits of the contract that shape what the client sends; proto/authstate/v1/value.proto has all of them.

// Values of one commit together, and of one answer.
export const MAX_COMMIT_BYTES = 32 * 1024 * 1024;
// Operations of one commit, and ids of one read.
export const MAX_COMMIT_OPERATIONS = 10_000;
// One message on the wire, in both directions.
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
// Levels of arrays and objects in one JSON value.
export const MAX_JSON_DEPTH = 128;
// One value.
export const MAX_VALUE_BYTES = 8 * 1024 * 1024;
export const MAX_SESSION_ID_LENGTH = 128;
export const MAX_OWNER_LENGTH = 128;
export const MAX_KEY_TYPE_LENGTH = 64;
export const MAX_KEY_ID_BYTES = 512;
// For how long a lease may be had at once.
export const MIN_LEASE_MS = 1_000;
export const MAX_LEASE_MS = 3_600_000;
