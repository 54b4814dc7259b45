// Writes src/gen from the contract in proto/; with --check, tells whether src/gen is what it would write.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const protoRoot = join(root, "../../proto");
const committed = join(root, "src/gen");

const FILES = [
  "authstate/v1/auth_state_service.proto",
  "authstate/v1/value.proto",
  "google/rpc/error_details.proto",
  "google/rpc/status.proto",
];

const OPTIONS = [
  "env=node",
  "esModuleInterop=true",
  "importSuffix=.js",
  "outputServices=grpc-js",
  "outputJsonMethods=false",
  "outputPartialMethods=false",
  // A revision is a uint64: bigint is exact and needs no library.
  "forceLong=bigint",
  "oneof=unions-value",
  // A version in the files would make them drift with every update of the tools.
  "annotateFilesWithVersion=false",
];

const target = mkdtempSync(join(tmpdir(), "authstate-gen-"));
try {
  execFileSync(
    "protoc",
    [
      `--plugin=${join(root, "node_modules/.bin/protoc-gen-ts_proto")}`,
      `--ts_proto_out=${target}`,
      `--ts_proto_opt=${OPTIONS.join(",")}`,
      `--proto_path=${protoRoot}`,
      ...FILES,
    ],
    { stdio: "inherit" },
  );
  if (process.argv.includes("--check")) {
    execFileSync("diff", ["--recursive", "--unified", committed, target], { stdio: "inherit" });
  } else {
    rmSync(committed, { recursive: true, force: true });
    mkdirSync(committed, { recursive: true });
    cpSync(target, committed, { recursive: true });
  }
} catch (error) {
  if (error.code === "ENOENT") console.error(`gen: ${error.path} is not installed`);
  else if (process.argv.includes("--check")) console.error("gen: src/gen is stale, or could not be made: npm run gen");
  process.exitCode = 1;
} finally {
  rmSync(target, { recursive: true, force: true });
}
