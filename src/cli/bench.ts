import type { Command } from "commander";
import { addBenchAll } from "./bench-all.ts";
import { addBisectBench } from "./bench-bisect.ts";
import { addMachineBenches } from "./bench-machine.ts";
import { addQueueBench } from "./bench-queue.ts";
import type { Session } from "./session.ts";

/** `dstate bench`: measurements, one file each. */
export function addBench(program: Command, session: Session): void {
  const bench = program.command("bench").description("measure how fast things are here");
  addBenchAll(bench, session);
  addMachineBenches(bench, session);
  addBisectBench(bench, session);
  addQueueBench(bench, session);
}
