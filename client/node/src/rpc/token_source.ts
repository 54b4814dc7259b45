// Where the token comes from by which the server knows this process.
import { readFileSync } from "node:fs";
import { AuthStateError, connectionError, invalidField } from "../errors.js";
import type { AuthStateLogger } from "../logger.js";

// What a header can hold. The form of a token is the server's affair, and that of a proxy before it.
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

/** Gives a token, perhaps another one each time. Knows no more than the last one, and shows it to nobody who prints it. */
export interface TokenSource {
  /** The option or variable that it was named in, for messages. */
  readonly name: string;
  /** Whether it may give another token later. */
  readonly mayChange: boolean;
  /** The token of now. Rejects with AuthStateError when there is none. */
  read(): Promise<string>;
  equals(other: TokenSource): boolean;
}

export interface TokenOptions {
  token: string | (() => string | Promise<string>) | undefined;
  tokenFile: string | undefined;
}

function checkToken(name: string, token: unknown): string {
  if (typeof token === "string" && TOKEN.test(token)) return token;
  throw invalidField(name, "must be a token: printable ASCII without blanks, such as as_…");
}

class FixedToken implements TokenSource {
  readonly mayChange = false;
  readonly #token: string;

  constructor(
    readonly name: string,
    token: unknown,
  ) {
    this.#token = checkToken(name, token);
  }

  async read(): Promise<string> {
    return this.#token;
  }

  equals(other: TokenSource): boolean {
    return other instanceof FixedToken && other.#token === this.#token;
  }
}

// Its first line. Read each time, which is once for a stream and each call outside of it: the file is small, and never an old one then.
class TokenFile implements TokenSource {
  readonly mayChange = true;
  readonly #path: string;
  readonly #logger: AuthStateLogger | undefined;
  #token: string;
  #refused: string | undefined;

  constructor(
    readonly name: string,
    path: string,
    logger: AuthStateLogger | undefined,
  ) {
    this.#path = path;
    this.#logger = logger;
    this.#token = this.#load();
  }

  // While the file is missing, or empty because it is being written, the former token stays.
  async read(): Promise<string> {
    try {
      this.#token = this.#load();
      this.#refused = undefined;
    } catch (error) {
      const why = (error as AuthStateError).message;
      if (this.#refused !== why)
        this.#logger?.warn({ error: why }, "no token in its file; the former one stays in use");
      this.#refused = why;
    }
    return this.#token;
  }

  equals(other: TokenSource): boolean {
    return other instanceof TokenFile && other.#path === this.#path;
  }

  #load(): string {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      throw invalidField(this.name, (error as Error).message);
    }
    return checkToken(this.name, text.split("\n", 1)[0]?.trim());
  }
}

class TokenFunction implements TokenSource {
  readonly mayChange = true;
  readonly #ask: () => unknown;

  constructor(
    readonly name: string,
    ask: () => unknown,
  ) {
    this.#ask = ask;
  }

  // What goes wrong here may be that of a service which the function asks, and is waited for as every outage is.
  async read(): Promise<string> {
    try {
      return checkToken("what it returned", await this.#ask());
    } catch (error) {
      const why = error instanceof Error ? error.message : "it threw what is no Error";
      throw connectionError(`the function \`token\` gave none: ${why}`, { reason: "TOKEN_UNAVAILABLE" });
    }
  }

  equals(other: TokenSource): boolean {
    return other instanceof TokenFunction && other.#ask === this.#ask;
  }
}

/**
 * The source that the options name or, where they name none, the environment; undefined for a process without a token.
 *
 * @throws AuthStateError that names the option which cannot be used, and never quotes a token
 */
export function tokenSource(
  { token, tokenFile }: TokenOptions,
  environment: NodeJS.ProcessEnv,
  logger: AuthStateLogger | undefined,
): TokenSource | undefined {
  if (token !== undefined && tokenFile !== undefined) throw invalidField("token", "cannot be beside `tokenFile`");
  if (typeof token === "function") return new TokenFunction("token", token);
  if (token !== undefined) return new FixedToken("token", token);
  if (tokenFile !== undefined) {
    if (typeof tokenFile === "string" && tokenFile !== "") return new TokenFile("tokenFile", tokenFile, logger);
    throw invalidField("tokenFile", "must be the path of a file");
  }
  const { AUTHSTATE_TOKEN: text, AUTHSTATE_TOKEN_FILE: path } = environment;
  if (text) return new FixedToken("AUTHSTATE_TOKEN", text);
  return path ? new TokenFile("AUTHSTATE_TOKEN_FILE", path, logger) : undefined;
}
