// The limits of the contract that shape what the client sends; proto/authstate/v1/value.proto has all of them.

// Bytes of all values of one commit, and of all values of one answer.
export const MAX_COMMIT_BYTES = 32 * 1024 * 1024;
// How many operations a commit may have, and how many ids a read.
export const MAX_COMMIT_OPERATIONS = 10_000;
// Bytes of one message on the wire, in both directions.
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
// How deep arrays and objects may be nested in one JSON value.
export const MAX_JSON_DEPTH = 128;
// Bytes of one value.
export const MAX_VALUE_BYTES = 8 * 1024 * 1024;
export const MAX_SESSION_ID_LENGTH = 128;
export const MAX_OWNER_LENGTH = 128;
export const MAX_KEY_TYPE_LENGTH = 64;
export const MAX_KEY_ID_BYTES = 512;
// For how long a lease may be had at once.
export const MIN_LEASE_MS = 1_000;
export const MAX_LEASE_MS = 3_600_000;
