// What a call may be answered with in place of its answer, as authstated would.
import { Metadata, type ServiceError, type status } from "@grpc/grpc-js";
import { ErrorInfo, RetryInfo } from "../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";
import { toDuration } from "../../src/rpc/durations.ts";

export interface Failure {
  code: status;
  reason?: string;
  metadata?: Record<string, string>;
  retryDelayMs?: number;
  // Whether it takes place all the same, and only its answer fails.
  afterwards?: boolean;
}

/** Thrown by whatever carries a call out, to answer it with `failure`. */
export class Refusal extends Error {
  constructor(readonly failure: Failure) {
    super("refused");
  }
}

/** The failure to answer with. Throws what is no Refusal again: that is a fault of the test. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Refusal)) throw error;
  return error.failure;
}

export function toStatus({ code, reason, metadata = {}, retryDelayMs }: Failure): Status {
  const details: Status["details"] = [];
  const add = (name: string, value: Uint8Array): void => {
    details.push({ typeUrl: `type.googleapis.com/google.rpc.${name}`, value: Buffer.from(value) });
  };
  if (reason !== undefined) add("ErrorInfo", ErrorInfo.encode({ reason, domain: "authstate", metadata }).finish());
  if (retryDelayMs !== undefined) {
    add("RetryInfo", RetryInfo.encode({ retryDelay: toDuration(retryDelayMs) }).finish());
  }
  return { code, message: "scripted", details };
}

export function toServiceError(failure: Failure): Partial<ServiceError> {
  const told = toStatus(failure);
  const trailer = new Metadata();
  if (told.details.length > 0) {
    trailer.set("grpc-status-details-bin", Buffer.from(Status.encode(told).finish()));
  }
  return { code: failure.code, details: told.message, metadata: trailer };
}
