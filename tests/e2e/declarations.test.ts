// The package's declarations, as users compile against them: with the oldest TypeScript that the README names and the
// newest one, with either line of Baileys, from ES modules and from CommonJS.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { TestFolder } from "./processes.ts";

const CLIENT = fileURLToPath(new URL("../../client/node", import.meta.url));
const require = createRequire(import.meta.url);
const folderOf = (name: string): string => dirname(require.resolve(`${name}/package.json`));
const versionOf = (folder: string): string =>
  (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string }).version;

const CONSUMER = `
  import { type AuthState, AuthStateError, AuthStatePool, useAuthState } from "@authstate/baileys";
  export async function compiles(): Promise<AuthState> {
    const pool = new AuthStatePool({ address: "127.0.0.1:50051" });
    const auth = await pool.useAuthState("session");
    for await (const { sessionId, updateTime } of pool.listSessions({ prefix: "a" })) {
      if (updateTime && updateTime < new Date()) await pool.deleteSession(sessionId, { steal: true });
    }
    for await (const [id, preKey] of auth.state.keys.list("pre-key")) console.log(id.length, preKey.public.length);
    for await (const id of auth.state.keys.listIds("session")) console.log(id.length);
    auth.events.once("lost", ({ owner }) => void owner?.length);
    await auth.state.keys.set({ "pre-key": { a: null } });
    return new Error() instanceof AuthStateError ? useAuthState("session", { address: "127.0.0.1:50051" }) : auth;
  }
  // Where the declarations of Baileys are not found, everything is any, and nothing is wrong.
  // @ts-expect-error
  export const wrong = async (auth: AuthState): Promise<string> => auth.state.creds.registrationId;
`;
const ES_MODULE = `${CONSUMER}
  import { type AuthenticationState, makeWASocket } from "baileys";
  export async function connects(): Promise<AuthenticationState> {
    const { state, saveCreds } = await compiles();
    makeWASocket({ auth: state }).ev.on("creds.update", saveCreds);
    return state;
  }
`;
const COMPILER_OPTIONS = {
  ...{ target: "ES2022", lib: ["ES2023"], module: "NodeNext", moduleResolution: "NodeNext" },
  ...{ strict: true, noEmit: true, types: ["node"], skipLibCheck: true },
};

function makeConsumer(folder: string, baileys: string): void {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@types"), { recursive: true });
  // It is a copy, for a link would find the Baileys beside what it leads to.
  cpSync(join(CLIENT, "dist"), join(modules, "@authstate/baileys/dist"), { recursive: true });
  cpSync(join(CLIENT, "package.json"), join(modules, "@authstate/baileys/package.json"));
  symlinkSync(join(CLIENT, "node_modules/@grpc"), join(modules, "@grpc"));
  symlinkSync(baileys, join(modules, "baileys"));
  symlinkSync(folderOf("@types/node"), join(modules, "@types/node"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "es_module.ts"), ES_MODULE);
  writeFileSync(join(folder, "common_js.cts"), CONSUMER);
  const files = ["es_module.ts", "common_js.cts"];
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: COMPILER_OPTIONS, files }));
}

function compile(folder: string, typescript: string, ...args: string[]): string {
  try {
    return execFileSync(process.execPath, [join(typescript, "bin/tsc"), ...args], {
      ...{ cwd: folder, encoding: "utf8", maxBuffer: 256 * 1024 * 1024 },
    });
  } catch (error) {
    const { stdout } = error as { stdout: string };
    assert.fail(
      stdout
        .split("\n")
        .filter((line) => line.includes("error TS"))
        .join("\n"),
    );
  }
}

// Returns where each import of `baileys` was found.
function resolvedBaileys(trace: string): string[] {
  const found = [...trace.matchAll(/Module name 'baileys' was successfully resolved to '([^']*)'/g)];
  return found.map(([, path]) => path!.replaceAll("\\", "/"));
}

describe("the declarations of the package", () => {
  for (const typescript of ["typescript-oldest", "typescript", "typescript-newest"]) {
    for (const name of ["baileys", "baileys-6"]) {
      const [compiler, baileys] = [folderOf(typescript), folderOf(name)];
      it(`compile with TypeScript ${versionOf(compiler)} and Baileys ${versionOf(baileys)}`, () => {
        const folder = new TestFolder();
        try {
          makeConsumer(folder.path, baileys);
          const seen = resolvedBaileys(compile(folder.path, compiler, "--traceResolution"));
          assert.ok(seen.length >= 2, "nothing imported baileys");
          assert.deepEqual([...new Set(seen)], [join(baileys, "lib/index.d.ts")]);
        } finally {
          folder.remove();
        }
      });
    }
  }

  it("name the oldest TypeScript in the README", () => {
    const [, stated] = /TypeScript (\d+\.\d+) or newer/.exec(readFileSync(join(CLIENT, "README.md"), "utf8")) ?? [];
    assert.ok(stated !== undefined && versionOf(folderOf("typescript-oldest")).startsWith(`${stated}.`), stated);
  });

  for (const [config, name] of [
    ["tsconfig.json", "baileys"],
    ["tsconfig.baileys-6.json", "baileys-6"],
  ] as const) {
    it(`are checked against ${name} by the client's ${config}`, () => {
      const compiler = join(CLIENT, "node_modules/typescript");
      const seen = resolvedBaileys(compile(CLIENT, compiler, "-p", config, "--traceResolution"));
      assert.deepEqual([...new Set(seen)], [join(CLIENT, "node_modules", name, "lib/index.d.ts")]);
      const types = readFileSync(join(CLIENT, "node_modules", name, "package.json"), "utf8");
      assert.match((JSON.parse(types) as { version: string }).version, name === "baileys" ? /^7\./ : /^6\.7\./);
    });
  }
});
