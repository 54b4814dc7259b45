// Turns what grpc-js says of a failed connection into a sentence that says where it failed, and what to look at.
import { status } from "@grpc/grpc-js";

const HINTS: readonly [pattern: RegExp, hint: string][] = [
  [/ECONNREFUSED/, "nothing listens there (ECONNREFUSED); is authstated running, and is this what its --listen says?"],
  [
    /Name resolution failed|ENOTFOUND|EAI_AGAIN/,
    "the host name could not be resolved; check its spelling and the resolver",
  ],
  [
    /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN/,
    "the host cannot be reached; check the address, the route and firewalls",
  ],
  [
    /wrong version number/,
    "no TLS is spoken there; was authstated started with --tls-certificate, or should `tls` be left out?",
  ],
  [
    /certificate has expired|CERT_HAS_EXPIRED/,
    "the server's certificate has expired; was a new one refused (its log)?",
  ],
  [
    /self.signed certificate(?! in)|DEPTH_ZERO_SELF_SIGNED/,
    "the server's certificate is self-signed, and not among the authorities in `tls.ca`",
  ],
  [
    /self.signed certificate in|unable to (get|verify)|UNABLE_TO/,
    "the server's certificate is of an unknown authority; check `tls.ca`",
  ],
  [
    /altnames|ALTNAME/,
    "the server's certificate has another name; check the address, or give the name as `tls.serverName`",
  ],
  [
    /alert certificate|alert unknown ca|alert bad certificate|CERTIFICATE_REQUIRED/i,
    "the server does not accept this client's certificate, or wants one; check `tls.certificate`",
  ],
  [
    /SSL routines|EPROTO|certificate|CERT_/i,
    "no TLS connection came about; check `tls`, and whether TLS is spoken there",
  ],
  [
    /Protocol error|Received HTTP status code|invalid content-type/i,
    "what answers there is no gRPC server; check the address, and proxies in between",
  ],
  [
    /Failed to connect|ECONNRESET|EPIPE|Connection dropped|Call cancelled|RST_STREAM|GOAWAY|socket hang up/i,
    "the connection was closed by the other side; was authstated stopped, or does it want TLS or a certificate (`tls`)?",
  ],
];

export function noAnswer(place: string): string {
  return `authstated at ${place}: no answer in time; is it authstated that listens there, and is the network up?`;
}

export function streamEnded(place: string): string {
  return `authstated at ${place}: it ended the stream; the next try opens another one`;
}

// The part of grpc-js's text that says what happened, in one line.
function bare(details: string): string {
  return details
    .replace(/^No connection established\. Last error: /, "")
    .replace(/\.? ?Resolution note:.*$/s, "")
    .replace(/\s+/g, " ")
    .trim();
}

/** `details` and `code` are those of grpc-js; `place` is the address that was asked. */
export function connectionFailure(place: string, code: status, details: string): string {
  if (code === status.DEADLINE_EXCEEDED) return noAnswer(place);
  const [, hint] = HINTS.find(([pattern]) => pattern.test(details)) ?? [];
  return `authstated at ${place}: ${hint ?? (bare(details) || "the call failed without a word")}`;
}
