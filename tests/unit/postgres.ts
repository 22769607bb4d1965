import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, readdir, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import pWaitFor from "p-wait-for";
import { freePort } from "./registry.ts";

const run = promisify(execFile);

/** Debian has PostgreSQL's own programs beside each version. */
async function programs(): Promise<string> {
  const root = "/usr/lib/postgresql";
  const [newest] = (await readdir(root)).sort((a, b) => Number(b) - Number(a));
  return join(root, newest ?? "", "bin");
}

/** PostgreSQL on this host, with a folder of its own, as an ordinary user. */
export interface RunningPostgres extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** As a power cut would, and up again. */
  restart(): Promise<void>;
}

/**
 * Start a database that asks for a password. It does not start as root: its package's user runs it then.
 *
 * @param dir a folder that the database's user can reach.
 */
export async function startPostgres(dir: string): Promise<RunningPostgres> {
  const bin = await programs();
  const data = join(dir, "postgres");
  const asRoot = process.getuid?.() === 0;
  const become = asRoot
    ? ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]
    : [];
  await mkdir(data, { recursive: true, mode: 0o700 });
  const password = join(data, "..", "password");
  await writeFile(password, "secret\n");
  if (asRoot) {
    const id = async (flag: string): Promise<number> => Number((await run("id", [flag, "postgres"])).stdout);
    await chown(data, await id("-u"), await id("-g"));
  }
  const [program = "", ...argv] = [
    ...become,
    join(bin, "initdb"),
    ...[
      "--pgdata",
      data,
      "--username",
      "dstate",
      "--auth",
      "scram-sha-256",
      "--pwfile",
      password,
      "--no-sync",
    ],
  ];
  await run(program, argv);
  const port = await freePort();
  const start = async (): Promise<() => Promise<void>> => {
    const settings = [
      "listen_addresses=127.0.0.1",
      `unix_socket_directories=${data}`,
      "fsync=off",
      "max_connections=300",
    ];
    const [postgres = "", ...rest] = [
      ...become,
      join(bin, "postgres"),
      ...["-D", data, "-p", `${port}`, ...settings.flatMap((setting) => ["-c", setting])],
    ];
    const child = spawn(postgres, rest, { stdio: "ignore" });
    const ended = once(child, "exit");
    await pWaitFor(
      async () => {
        if (child.exitCode !== null) throw new Error("PostgreSQL did not start");
        return await run("psql", [url, "-c", "SELECT 1"]).then(
          () => true,
          () => false,
        );
      },
      { interval: 100, timeout: 60_000 },
    );
    return async () => {
      // Immediate shutdown: it has to recover afterwards.
      child.kill("SIGQUIT");
      await ended;
    };
  };
  const url = `postgres://dstate:secret@127.0.0.1:${port}/postgres`;
  let stop = await start();
  return {
    port,
    url,
    restart: async () => {
      await stop();
      stop = await start();
    },
    [Symbol.asyncDispose]: async () => await stop(),
  };
}

/** A line to a database that can be cut. */
export interface Line extends AsyncDisposable {
  readonly url: string;
  /** From now on nothing goes through, and nobody is told: as when a cable is pulled. */
  cut(): void;
  mend(): void;
}

/** Put a line between. */
export async function lineTo(to: RunningPostgres): Promise<Line> {
  let isCut = false;
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(to.port, "127.0.0.1");
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("data", (bytes) => {
        if (!isCut) into.write(bytes);
      });
      from.on("error", () => into.destroy());
      from.on("close", () => {
        sockets.delete(from);
        into.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: to.url.replace(`:${to.port}/`, `:${port}/`),
    cut: () => {
      isCut = true;
    },
    mend: () => {
      isCut = false;
      // What was lost on the way stays lost: whoever waits for it has to ask anew.
      for (const socket of sockets) socket.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
