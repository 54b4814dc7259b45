// The versions of Node that the package is tested on: the npm packages of this folder bring their programs along.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export function nodeProgram(major: number): string {
  if (process.version.startsWith(`v${major}.`)) return process.execPath;
  const name = `node-${major}-linux-${process.arch}`;
  const program = fileURLToPath(new URL(`../node_modules/${name}/bin/node`, import.meta.url));
  if (!existsSync(program)) throw new Error(`no ${program}; npm --prefix tests ci brings it`);
  return program;
}
