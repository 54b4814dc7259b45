// The databases of the other stores and what stands before them, each a process of its own on 127.0.0.1 alone.
import { execFileSync, type ChildProcess } from "node:child_process";
import { chownSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createConnection } from "mysql2/promise";
import { BINARIES, end, freePort, serving, start, type TestFolder } from "../e2e/processes.ts";

// Starts a process that ends with this one, also when that is killed.
export function startBound(command: string, args: string[]): ChildProcess {
  return start("setpriv", ["--pdeathsig=TERM", command, ...args]);
}

export interface Server {
  readonly port: number;
  stop(): Promise<void>;
}

function serverOf(child: ChildProcess, port: number): Server {
  return { port, stop: () => end(child, "SIGTERM") };
}

export async function startRedis(folder: TestFolder): Promise<Server> {
  const port = await freePort();
  const dir = join(folder.path, "redis");
  mkdirSync(dir);
  const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
  const child = startBound("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, ...durable]);
  await serving(child, "redis-server", port);
  return serverOf(child, port);
}

// mysql-baileys makes it so, but with MyISAM, which is not durable.
const MYSQL_TABLE = `CREATE TABLE auth (session varchar(50) NOT NULL, id varchar(80) NOT NULL,
  value LONGTEXT DEFAULT NULL, UNIQUE KEY idxunique (session, id), KEY idxsession (session), KEY idxid (id))
  ENGINE=InnoDB`;

export async function startMariaDb(folder: TestFolder): Promise<Server> {
  const port = await freePort();
  const dir = join(folder.path, "mariadb");
  mkdirSync(dir);
  const user = process.getuid?.() === 0 ? ["--user=mysql"] : [];
  if (user.length > 0) {
    const { uid, gid } = accountOf("mysql");
    chownSync(dir, uid, gid);
  }
  const data = `--datadir=${join(dir, "data")}`;
  execFileSync("mariadb-install-db", ["--no-defaults", data, "--skip-test-db", ...user], { stdio: "pipe" });
  const durable = ["--innodb-flush-log-at-trx-commit=1", "--skip-log-bin"];
  const alone = [`--port=${port}`, "--bind-address=127.0.0.1", `--socket=${join(dir, "socket")}`];
  const pidFile = `--pid-file=${join(dir, "pid")}`;
  const access = ["--skip-grant-tables", "--skip-name-resolve"];
  const options = ["--no-defaults", data, pidFile, ...user, ...alone, ...durable, ...access];
  const child = startBound("mariadbd", options);
  await serving(child, "mariadbd", port);
  const connection = await createConnection({ host: "127.0.0.1", port, user: "root" });
  try {
    await connection.query("CREATE DATABASE bench");
    await connection.query("USE bench");
    await connection.query(MYSQL_TABLE);
  } finally {
    await connection.end();
  }
  return serverOf(child, port);
}

function accountOf(name: string): { uid: number; gid: number } {
  const id = (option: string): number => Number(execFileSync("id", [option, name], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

// Starts a program of this build that prints `ready PORT` once it serves.
export async function startProgram(name: string, args: string[]): Promise<Server> {
  const path = join(BINARIES, name);
  statSync(path);
  const child = startBound(path, args);
  child.stderr?.pipe(process.stderr);
  const port = await new Promise<number>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code}`)));
    createInterface(child.stdout!).on("line", (line) => {
      const [word, said] = line.split(" ");
      if (word === "ready") resolve(Number(said));
    });
  });
  return serverOf(child, port);
}

// Starts a proxy that adds `delayMs` to every round trip to `port`.
export function startDelay(port: number, delayMs: number): Promise<Server> {
  return startProgram("delay_proxy", [String(port), String(delayMs * 1_000)]);
}
