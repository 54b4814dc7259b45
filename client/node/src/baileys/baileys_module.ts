// Loads the Baileys that npm put beside this package under the name `baileys`, and says so where there is another one.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type AuthStateError, refusal } from "../errors.js";

/** The part of Baileys that is used at run time. */
export type BaileysModule = Pick<
  typeof import("baileys", { with: { "resolution-mode": "import" } }),
  "initAuthCreds" | "makeCacheableSignalKeyStore" | "proto"
>;

const NAMES = ["baileys", "@whiskeysockets/baileys"] as const;

interface Installed {
  name: (typeof NAMES)[number];
  version: string;
  folder: string;
}

function tryResolve(from: string, name: string): string | undefined {
  try {
    return createRequire(from).resolve(name);
  } catch {
    return undefined;
  }
}

function findPackage(from: string, name: Installed["name"]): Installed | undefined {
  const main = tryResolve(from, name);
  if (main === undefined) return undefined;
  for (let folder = dirname(main); folder !== dirname(folder); folder = dirname(folder)) {
    try {
      const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version?: unknown };
      if (typeof version === "string") return { name, version, folder };
    } catch {
      // The package's own file is further up.
    }
  }
  return undefined;
}

const aliasOf = (version: string): string => `npm install baileys@npm:@whiskeysockets/baileys@${version}`;

/**
 * What to tell whoever starts the program `main` when it can load a Baileys of another version than this package does.
 * npm makes that so in silence: where only `@whiskeysockets/baileys` is installed, it adds the newest `baileys` as the peer.
 * Two copies of one version do no harm.
 */
export function describeOtherVersion(main: string): string | undefined {
  const used = findPackage(tryResolve(main, "@authstate/baileys") ?? main, "baileys");
  if (used === undefined) return undefined;
  const other = NAMES.map((name) => findPackage(main, name)).find(
    (found) => found !== undefined && found.version !== used.version,
  );
  if (other === undefined) return undefined;
  const cure =
    other.name === "baileys"
      ? "Install one of them alone."
      : `Install one, under the name baileys: npm uninstall ${other.name} && ${aliasOf(other.version)}`;
  return (
    `two versions of Baileys are installed: @authstate/baileys works with ${used.version} (${used.folder}), and this ` +
    `program can load ${other.name} ${other.version} (${other.folder}). What the one stores may not suit the other. ${cure}`
  );
}

/** The error for a program `main` that has no `baileys`. */
export function missingBaileys(main: string): AuthStateError {
  const other = findPackage(main, "@whiskeysockets/baileys");
  const cure =
    other === undefined
      ? "npm install baileys"
      : `${other.name} ${other.version} is there, but not under that name: ${aliasOf(other.version)}`;
  return refusal("BAILEYS_MISSING", `the package baileys, a peer of @authstate/baileys, is not installed; ${cure}`);
}

async function load(): Promise<BaileysModule> {
  const main = process.argv[1] ?? join(process.cwd(), "main.js");
  let baileys: BaileysModule;
  try {
    // An ES module: this also loads it from CommonJS.
    baileys = await import("baileys");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code === "ERR_MODULE_NOT_FOUND" && message.includes("'baileys'") ? missingBaileys(main) : error;
  }
  const warning = describeOtherVersion(main);
  if (warning !== undefined) process.emitWarning(warning, { type: "AuthStateWarning", code: "AUTHSTATE_TWO_BAILEYS" });
  return baileys;
}

let loaded: Promise<BaileysModule> | undefined;

/** Loads Baileys, once: even of a module that is loaded, an import takes longer than a read of keys. */
export const loadBaileys = (): Promise<BaileysModule> => (loaded ??= load());
