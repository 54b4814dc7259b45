// Finds the program that suits this machine, in the package of its platform, or says in one line why there is none.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What decides which program fits. */
export interface Platform {
  platform: string;
  arch: string;
  /** The version of the C library, such as `2.36`; undefined where it is not glibc. */
  glibc: string | undefined;
}

/** The server cannot run here; the message says why, and what to do. */
export class NoProgramError extends Error {
  override readonly name = "NoProgramError";
}

const PROGRAM_VARIABLE = "AUTHSTATE_SERVER_PROGRAM";
const ELSEWHERE =
  `run authstated on a machine where it can, and give bots its address; ` +
  `or build it here, and name it in ${PROGRAM_VARIABLE}`;

export function thisPlatform(): Platform {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return { platform: process.platform, arch: process.arch, glibc: report.header?.glibcVersionRuntime };
}

/** Whether `version` is `wanted` or newer, both as `2.36`. */
function isAtLeast(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split(".").map(Number);
  return major !== wantedMajor ? major > wantedMajor : minor >= wantedMinor;
}

/**
 * The path of authstated: that of `AUTHSTATE_SERVER_PROGRAM`, or of the package for this machine.
 *
 * @param packageOf finds the `package.json` of a package by its name; throws where it is not installed
 * @throws NoProgramError
 */
export function findProgram(
  here: Platform = thisPlatform(),
  packageOf = (name: string): string => require.resolve(`${name}/package.json`),
): string {
  const named = process.env[PROGRAM_VARIABLE];
  if (named) {
    if (!existsSync(named)) throw new NoProgramError(`${PROGRAM_VARIABLE}: there is no file ${named}`);
    return named;
  }
  const machine = `${here.platform}-${here.arch}`;
  if (machine !== "linux-x64") {
    throw new NoProgramError(`@authstate/server has no program for ${machine}, but for linux-x64 alone: ${ELSEWHERE}`);
  }
  const name = `@authstate/server-${machine}`;
  let description: string;
  try {
    description = packageOf(name);
  } catch {
    throw new NoProgramError(
      `${name} is not installed: npm was told to leave out optional packages (--omit=optional, --no-optional), ` +
        `or node_modules came from another kind of machine; install @authstate/server again, here and without that`,
    );
  }
  const { authstate } = JSON.parse(readFileSync(description, "utf8")) as { authstate: { glibc: string } };
  if (here.glibc === undefined) {
    throw new NoProgramError(
      `@authstate/server needs glibc ${authstate.glibc} or newer, and this system has another C library ` +
        `(Alpine has musl; node:22-slim has glibc): ${ELSEWHERE}`,
    );
  }
  if (!isAtLeast(here.glibc, authstate.glibc)) {
    throw new NoProgramError(
      `@authstate/server needs glibc ${authstate.glibc} or newer, and this system has ${here.glibc} ` +
        `(Debian 12 and Ubuntu 24.04 are new enough): ${ELSEWHERE}`,
    );
  }
  return join(dirname(description), "bin/authstated");
}
