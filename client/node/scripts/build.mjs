// Builds dist/esm and dist/cjs of this package, or of the one in the folder that is named. The compiler takes the module
// format from the package.json nearest to a source file, so the CommonJS build compiles a copy of the sources beside a
// package.json of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const tools = dirname(dirname(fileURLToPath(import.meta.url)));
const root = resolve(process.argv[2] ?? tools);
const dist = join(root, "dist");
const staging = join(root, "dist/.cjs");

// Compiles `base`/src; the compiler's configuration and its format are those of `base`.
async function compile(base, outDir) {
  const tsconfig = join(base, "tsconfig.build.json");
  const compilerOptions = {
    rootDir: "src",
    outDir,
    noEmit: false,
    declaration: true,
    allowImportingTsExtensions: false,
  };
  writeFileSync(tsconfig, JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: ["src"] }));
  try {
    const compiler = spawn(join(tools, "node_modules/.bin/tsc"), ["--project", tsconfig], { stdio: "inherit" });
    const [code] = await once(compiler, "exit");
    if (code !== 0) throw new Error(`${outDir} could not be compiled`);
  } finally {
    rmSync(tsconfig);
  }
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(staging, { recursive: true });
writeFileSync(join(staging, "package.json"), '{ "type": "commonjs" }\n');
cpSync(join(root, "src"), join(staging, "src"), { recursive: true });
await Promise.all([compile(root, join(dist, "esm")), compile(staging, join(dist, "cjs"))]);
cpSync(join(staging, "package.json"), join(dist, "cjs/package.json"));
rmSync(staging, { recursive: true });
