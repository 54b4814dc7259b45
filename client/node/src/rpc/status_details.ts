// Turns errors of gRPC into AuthStateErrors. Nothing else knows how the server packs the details of its errors.
import { type ServiceError, status } from "@grpc/grpc-js";
import {
  AccessDeniedError,
  AuthStateError,
  type AuthStateErrorCode,
  type AuthStateErrorFields,
  TokenRefusedError,
} from "../errors.js";
import { ErrorInfo, RetryInfo } from "../gen/google/rpc/error_details.js";
import { Status } from "../gen/google/rpc/status.js";
import { connectionFailure } from "./connection_failure.js";
import { fromDuration } from "./durations.js";

const DOMAIN = "authstate";
const TRAILER = "grpc-status-details-bin";
const TYPE_PREFIX = "type.googleapis.com/google.rpc.";

interface Details {
  info?: ErrorInfo;
  retryDelayMs?: number;
}

function readDetails(status: Status): Details {
  try {
    return decodeDetails(status);
  } catch {
    // These details are not authstated's, and the code alone has to do.
    return {};
  }
}

function decodeDetails(status: Status): Details {
  const details: Details = {};
  for (const { typeUrl, value } of status.details) {
    if (typeUrl === `${TYPE_PREFIX}ErrorInfo`) {
      const info = ErrorInfo.decode(value);
      if (info.domain === DOMAIN) details.info = info;
    } else if (typeUrl === `${TYPE_PREFIX}RetryInfo`) {
      const delay = RetryInfo.decode(value).retryDelay;
      if (delay !== undefined) details.retryDelayMs = fromDuration(delay);
    }
  }
  return details;
}

function detailsOf(error: ServiceError): Details {
  const [trailer] = error.metadata?.get(TRAILER) ?? [];
  if (!Buffer.isBuffer(trailer)) return {};
  try {
    return readDetails(Status.decode(trailer));
  } catch {
    // This trailer is a proxy's, and the code alone has to do.
    return {};
  }
}

// A code that did not come from authstated itself comes from the connection: a server that died under the call is seen
// as any of these.
const CONNECTION_CODES: readonly AuthStateErrorCode[] = [
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "CANCELLED",
  "INTERNAL",
  "UNKNOWN",
];

function isRetryable(code: AuthStateErrorCode, { info, retryDelayMs }: Details): boolean {
  if (info === undefined) return CONNECTION_CODES.includes(code);
  if (code === "RESOURCE_EXHAUSTED") return info.reason === "QUEUE_FULL" || retryDelayMs !== undefined;
  return code === "UNAVAILABLE" || code === "DEADLINE_EXCEEDED";
}

// What to do about each reason for which the server does not know the caller: it knows of no pool, and its words end there.
const TOKEN_ADVICE: Readonly<Record<string, string>> = {
  NO_TOKEN: "give the pool a `token` or a `tokenFile` (authstatectl token create)",
  BAD_TOKEN: "is `token` or `tokenFile` whole, the newest one, and made for this store?",
  TOKEN_EXPIRED: "give the pool a new one (authstatectl token create)",
  TOKEN_REVOKED: "if this process is still to be served, give the pool a new one (authstatectl token create)",
  CERTIFICATE_UNKNOWN: "give the pool a `token` or a `tokenFile`, or have its certificate's name granted rights",
};
const DENIED = new Set(["SESSION_OUT_OF_SCOPE", "RIGHT_MISSING"]);

// `mutates` tells whether the call would have changed something: then the error says whether it did.
function toError(message: string, codeNumber: number, details: Details, mutates: boolean) {
  const code = (status[codeNumber] ?? "UNKNOWN") as AuthStateErrorCode;
  const metadata = details.info?.metadata ?? {};
  const toldOutcome = metadata["outcome"] === "NOT_APPLIED" ? "NOT_APPLIED" : "UNKNOWN";
  const reason = details.info?.reason ?? "CONNECTION";
  const fields: AuthStateErrorFields = {
    code,
    reason,
    field: metadata["field"],
    outcome: mutates ? toldOutcome : undefined,
    requestId: metadata["request_id"],
    owner: metadata["owner"],
    revision: /^\d+$/.test(metadata["revision"] ?? "") ? BigInt(metadata["revision"]!) : undefined,
    retryable: isRetryable(code, details),
    retryDelayMs: details.retryDelayMs,
  };
  const knowsNobody = code === "UNAUTHENTICATED" && Object.hasOwn(TOKEN_ADVICE, reason);
  if (knowsNobody) return new TokenRefusedError(`${message}; ${TOKEN_ADVICE[reason]}`, fields);
  if (DENIED.has(reason)) return new AccessDeniedError(`${message}; authstatectl token show lists its rights`, fields);
  return new AuthStateError(message, fields);
}

// Why a call to the server at `place` failed, in the server's words if it was the server that refused.
export function fromServiceError(place: string, error: ServiceError, mutates: boolean): AuthStateError {
  const details = detailsOf(error);
  const message = details.info === undefined ? connectionFailure(place, error.code, error.details) : error.details;
  return toError(message, error.code, details, mutates);
}

// Why an operation of a pipe failed, in the server's words.
export function fromStatus(operation: string, answered: Status, mutates: boolean): AuthStateError {
  return toError(`${operation}: ${answered.message}`, answered.code, readDetails(answered), mutates);
}
