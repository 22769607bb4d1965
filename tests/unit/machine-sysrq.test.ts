import { constants, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hostPace } from "../../src/base/pace.ts";
import { Console } from "../../src/machine/console.ts";
import { Qmp } from "../../src/machine/qmp.ts";
import { SerialPipes } from "../../src/machine/serial-line.ts";
import { askSysrq } from "../../src/machine/sysrq.ts";

/** An end of a FIFO as QEMU opens it: both ways, so that it needs nobody at the other. */
function openEnd(path: string, use: "readable" | "writable"): Socket {
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  return new Socket({ fd, readable: use === "readable", writable: use === "writable" });
}

/** QEMU's serial line and monitor, and a kernel behind them that answers keys as it is told to. */
async function fakeMachine(answers: Readonly<Record<string, string>>, lost = new Set<string>()) {
  const dir = await mkdtemp(join(tmpdir(), "dstate-sysrq-"));
  const sockets: Socket[] = [];
  let afterBreak = false;
  const listen = async (name: string, onSocket: (socket: Socket) => void) => {
    const server = createServer((socket) => {
      sockets.push(socket);
      // The other end may be gone before its answer comes.
      socket.on("error", () => {});
      onSocket(socket);
    });
    await new Promise<void>((resolve) => server.listen(join(dir, name), resolve));
    return server;
  };
  const servers = [
    await listen("qmp", (socket) => {
      socket.setEncoding("utf8");
      socket.write('{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}}}\n');
      socket.on("data", (text: string) => {
        for (const line of text.trim().split("\n")) {
          const { execute, id }: { execute: string; id: number } = JSON.parse(line);
          if (execute === "chardev-send-break") afterBreak = true;
          socket.write(`${JSON.stringify({ return: {}, id })}\n`);
        }
      });
    }),
  ];
  const signal = new AbortController().signal;
  using pipes = await SerialPipes.make(join(dir, "console"), { signal });
  const printed = openEnd(join(dir, "console.out"), "writable");
  const typed = openEnd(join(dir, "console.in"), "readable");
  typed.setEncoding("utf8");
  typed.on("data", (key: string) => {
    const answer = afterBreak && !lost.delete(key) ? answers[key] : undefined;
    afterBreak = false;
    if (answer !== undefined) printed.write(answer.replaceAll("\n", "\r\n"));
  });
  const options = { within: "5s", pace: hostPace, signal } as const;
  const qmp = await Qmp.connect(join(dir, "qmp"), options);
  const console = new Console(pipes.connect(), { qmp, logFile: join(dir, "log"), pace: hostPace });
  const exited = Promise.withResolvers<never>();
  return {
    console,
    pace: hostPace,
    exited: exited.promise,
    async [Symbol.asyncDispose]() {
      qmp[Symbol.dispose]();
      for (const end of [printed, typed]) end.destroy();
      await console[Symbol.asyncDispose]();
      for (const socket of sockets) socket.destroy();
      for (const server of servers) server.close();
      await rm(dir, { recursive: true });
    },
  };
}

const limits = { first: "5s", within: "5s", signal: new AbortController().signal } as const;
const help = "[    9.1] sysrq: HELP : loglevel(0-9) reboot(b)\n";

test("each key's answer reaches up to the next key's headline", async () => {
  await using machine = await fakeMachine({
    w: "[    1.1] sysrq: Show Blocked State\n[    1.1] task:node state:D\n",
    // The rest of an answer may come after the next key was pressed.
    l: "[    1.1]  io_sq_thread+0x1/0x2\n[    2.1] sysrq: Show backtrace of all active CPUs\n[    2.1] CPU: 0\n",
    h: help,
  });
  expect(await askSysrq(machine, ["w", "l"], limits)).toEqual({
    answers: [
      {
        key: "w",
        text: "[    1.1] sysrq: Show Blocked State\n[    1.1] task:node state:D\n[    1.1]  io_sq_thread+0x1/0x2",
      },
      { key: "l", text: "[    2.1] sysrq: Show backtrace of all active CPUs\n[    2.1] CPU: 0" },
    ],
  });
});

test("a key that got lost is pressed again", async () => {
  const answers = {
    w: "sysrq: Show Blocked State\n",
    l: "sysrq: Show backtrace of all active CPUs\n",
    h: help,
  };
  await using machine = await fakeMachine(answers, new Set(["l"]));
  expect((await askSysrq(machine, ["w", "l"], limits)).answers.map(({ key }) => key)).toEqual(["w", "l"]);
});

test("a kernel that answers nothing is told as such", async () => {
  await using machine = await fakeMachine({});
  const { answers, failure } = await askSysrq(machine, ["w", "l"], { ...limits, first: "100ms" });
  expect(answers).toEqual([]);
  expect(failure).toContain("the kernel's answer to sysrq w");
});

test("half an answer is kept when the kernel falls silent in the middle", async () => {
  await using machine = await fakeMachine({ w: "[    1.1] sysrq: Show Blocked State\n[    1.1] task:node" });
  expect(await askSysrq(machine, ["w", "l"], { ...limits, within: "300ms" })).toEqual({
    answers: [{ key: "w", text: "[    1.1] sysrq: Show Blocked State\n[    1.1] task:node" }],
    failure: expect.stringContaining("the kernel's answer to sysrq l"),
  });
});

test("the caller's signal ends it", async () => {
  await using machine = await fakeMachine({});
  const controller = new AbortController();
  const asking = askSysrq(machine, ["w"], { ...limits, signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(asking).rejects.toThrow("enough");
});
