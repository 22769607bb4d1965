import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";
import { InfraError } from "../base/errors.ts";
import { onProcessExit } from "../base/on-exit.ts";
import { bareEnvironment } from "../base/program.ts";
import type { ConfinementWay } from "../confine/confinement.ts";
import type { ConfinementHost } from "./probe-confinement.ts";

/** A port on 127.0.0.1 that leads into the network of a confined program. */
export interface Relay extends Disposable {
  readonly port: number;
}

/**
 * Let this host reach a port on the loopback device of a network of a machine's own, in which there is nothing else.
 * Each connection is carried by a small process that enters that network.
 *
 * @see https://man7.org/linux/man-pages/man1/nsenter.1.html
 */
export async function openRelay(
  to: { readonly pid: number; readonly port: number; readonly way: ConfinementWay },
  host: ConfinementHost,
): Promise<Relay> {
  const carriers = new Set<ChildProcess>();
  const open = new Set<Socket>();
  const namespace = (name: string): string => `--${name}=/proc/${to.pid}/ns/${name}`;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const argv = [
      ...(to.way === "user" ? [namespace("user"), "--preserve-credentials"] : []),
      ...[namespace("net"), "--", host.busybox, "nc", "127.0.0.1", `${to.port}`],
    ];
    const carrier = spawn("nsenter", argv, {
      stdio: ["pipe", "pipe", "ignore"],
      env: bareEnvironment(host),
    });
    carriers.add(carrier);
    open.add(socket);
    const end = (): void => {
      carrier.kill("SIGKILL");
      socket.destroy();
      carriers.delete(carrier);
      open.delete(socket);
    };
    carrier.once("error", end);
    carrier.once("exit", () => open.delete(socket));
    socket.once("close", end);
    // Either side may break off: that ends the connection, and is told to whoever uses it.
    pipeline(socket, carrier.stdin).catch(end);
    pipeline(carrier.stdout, socket).catch(end);
  });
  const close = (): void => {
    server.close();
    for (const carrier of carriers) carrier.kill("SIGKILL");
    for (const socket of open) socket.destroy();
  };
  const onExit = onProcessExit(close);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  // A machine that runs keeps us waiting; its way in alone does not.
  server.unref();
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new InfraError("this host has no free port");
  return {
    port: address.port,
    [Symbol.dispose]: () => {
      onExit[Symbol.dispose]();
      close();
    },
  };
}
