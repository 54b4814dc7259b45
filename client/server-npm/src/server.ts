// A server beside the program that uses it, and no longer than that.
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { spawnServer } from "./child.js";

const READY_LINE = /^authstated ready on ([^,]+), backend /;

/** How the server is to run. */
export interface ServerOptions {
  /** The SQLite file, made when it is not there. Default: `authstate.db` in the working directory. */
  store?: string;
  /**
   * Where it listens: `host:port`, where port 0 is a free one, or `unix:PATH`. Default: a unix socket that no other
   * account of the machine can reach.
   */
  listen?: string;
  /** Further options of authstated, as on its command line; `npx @authstate/server --help` lists them. */
  args?: readonly string[];
  /** Is given each line of its log. Default: warnings and errors go to standard error. */
  onLog?: (line: string) => void;
}

/** How it ended: with an exit code, or by a signal. */
export interface ServerEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A server that serves. It stops when this process ends, also when that is killed. */
export interface RunningServer {
  /** For the `address` of a pool. */
  readonly address: string;
  readonly pid: number;
  /** Resolves when it has ended, whatever ended it. */
  readonly ended: Promise<ServerEnd>;
  /** Has it finish what is under way and end; resolves when it has. Close the pools first. */
  stop(): Promise<void>;
}

/** It did not come to serve; the message has the last line that it wrote. */
export class ServerStartError extends Error {
  override readonly name = "ServerStartError";
  /** Its exit code, which docs/options.md explains; null where a signal ended it, or the system did not start it. */
  readonly exitCode: number | null;

  constructor(message: string, exitCode: number | null) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Starts authstated, and resolves once it serves. It keeps this process from ending no more than a timer would that is
 * unref'd.
 *
 * @throws NoProgramError where it cannot run on this machine
 * @throws ServerStartError where it ends before it serves
 */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const { store, onLog = (line: string): void => void process.stderr.write(`authstated: ${line}\n`) } = options;
  const folder = options.listen === undefined ? mkdtempSync(join(tmpdir(), "authstate-")) : undefined;
  const removeFolder = (): void => {
    process.off("exit", removeFolder);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", removeFolder);
  try {
    return await start(
      [
        ...["--listen", options.listen ?? `unix:${folder}/socket`],
        ...(store === undefined ? [] : ["--sqlite-path", store]),
        ...(options.onLog === undefined ? ["--log-level", "warn", "--log-format", "text"] : []),
        ...(options.args ?? []),
      ],
      onLog,
      removeFolder,
    );
  } catch (error) {
    removeFolder();
    throw error;
  }
}

async function start(
  args: readonly string[],
  onLog: (line: string) => void,
  afterwards: () => void,
): Promise<RunningServer> {
  // Who manages this process is not to hear from the server, and no port is opened that nobody has asked for.
  const env = { AUTHSTATE_HTTP_LISTEN: "off", ...process.env, NOTIFY_SOCKET: undefined };
  const child = spawnServer(args, { stdio: ["ignore", "pipe", "pipe"], env });
  const [output, errors] = [child.stdout as Readable, child.stderr as Readable];
  let lastLine = "";
  createInterface(errors).on("line", (line) => onLog((lastLine = line)));
  const ended = new Promise<ServerEnd>((resolve) => {
    child.once("close", (code, signal) => {
      afterwards();
      resolve({ code, signal });
    });
  });

  const address = await new Promise<string>((resolve, reject) => {
    child.once("error", (error) =>
      reject(new ServerStartError(`authstated cannot be started: ${error.message}`, null)),
    );
    createInterface(output).on("line", (line) => {
      const ready = READY_LINE.exec(line)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    void ended.then(({ code, signal }) => {
      const what = signal ?? `exit code ${code}`;
      reject(new ServerStartError(`authstated ended before it served (${what}): ${lastLine}`, code));
    });
  });
  // Pipes of a child process are sockets, of which the types say nothing.
  const handles = [child, output as Readable & ChildProcess, errors as Readable & ChildProcess];
  for (const handle of handles) handle.unref();

  return {
    address,
    pid: child.pid as number,
    ended,
    async stop() {
      for (const handle of handles) handle.ref();
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
    },
  };
}
