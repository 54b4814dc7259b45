// How a connection shows its token, and what it does when that is refused.
import { type CallCredentials, credentials, Metadata } from "@grpc/grpc-js";
import { AuthStateError, TokenRefusedError } from "../errors.js";
import type { Pacing } from "./pacing.js";
import type { TokenSource } from "./token_source.js";

// For how long another token is looked for where one was good before. Whoever rotates a token ends the former secret before
// anybody can have the new one, and servers look every two seconds for tokens that are new.
const ROTATION_MS = 10_000;
// For how long a source is asked for another token before there is none.
const ASK_TIMEOUT_MS = 5_000;

/** Shows the tokens of a source, or nothing where there is none. */
export class Bearer {
  readonly #source: TokenSource | undefined;
  readonly #pacing: Pacing;
  #wasLetIn = false;
  // The token that was refused last, and since when.
  #refused: { token: string; since: number } | undefined;

  constructor(source: TokenSource | undefined, pacing: Pacing) {
    this.#source = source;
    this.#pacing = pacing;
  }

  get hasToken(): boolean {
    return this.#source !== undefined;
  }

  /** What one call shows. */
  show(): CallToken {
    return new CallToken(this.#source, this);
  }

  /** Notes that the server did not mind `token`. */
  noteLetIn(token: string): void {
    this.#wasLetIn = true;
    if (this.#refused?.token === token) this.#refused = undefined;
  }

  /** Notes that the server refused `token`, and tells whether another try may do better. */
  async mayDoBetter(token: string): Promise<boolean> {
    if (this.#source?.mayChange !== true) return false;
    const now = this.#pacing.now();
    if (this.#refused?.token !== token) this.#refused = { token, since: now };
    const isRotation = this.#wasLetIn && now - this.#refused.since < ROTATION_MS;
    return isRotation || this.#hasAnother(this.#source, token);
  }

  #hasAnother(source: TokenSource, token: string): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#pacing.after(ASK_TIMEOUT_MS, () => resolve(false));
      const answer = source.read().then((other) => other !== token);
      void answer
        .catch(() => false)
        .then(resolve)
        .finally(cancel);
    });
  }
}

/** What one call shows to the server, and what becomes of it. */
export class CallToken {
  /** To be spread into the options of the call. */
  readonly options: { credentials?: CallCredentials };
  readonly #bearer: Bearer;
  #shown: string | undefined;
  #failure: AuthStateError | undefined;
  #mayDoBetter: Promise<boolean> | undefined;

  constructor(source: TokenSource | undefined, bearer: Bearer) {
    this.#bearer = bearer;
    // grpc-js asks for it once there is a connection; where that is TLS, the server has proved who it is by then.
    this.options = source === undefined ? {} : { credentials: this.#credentials(source) };
  }

  /** Why the call had nothing to show, if that is why it failed. */
  get failure(): AuthStateError | undefined {
    return this.#failure;
  }

  /** Notes that the server has answered the call, or an operation on it. */
  noteLetIn(): void {
    if (this.#shown !== undefined) this.#bearer.noteLetIn(this.#shown);
  }

  /** `error` of the call, or of an operation on it, as its caller should see it: a refused token may be worth another try. */
  async judge(error: AuthStateError): Promise<AuthStateError> {
    if (!(error instanceof TokenRefusedError) || this.#shown === undefined) return error;
    this.#mayDoBetter ??= this.#bearer.mayDoBetter(this.#shown);
    return error.with({ retryable: await this.#mayDoBetter });
  }

  #credentials(source: TokenSource): CallCredentials {
    return credentials.createFromMetadataGenerator((_, callback) => {
      const give = (token: string): void => {
        this.#shown = token;
        const metadata = new Metadata();
        metadata.set("authorization", `Bearer ${token}`);
        callback(null, metadata);
      };
      const fail = (error: AuthStateError): void => {
        this.#failure = error;
        callback(error);
      };
      source.read().then(give, fail);
    });
  }
}
