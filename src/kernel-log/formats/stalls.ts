import type { Format } from "./format.ts";

/**
 * Things that do not go on.
 *
 * @see https://github.com/torvalds/linux/blob/master/kernel/hung_task.c
 * @see https://github.com/torvalds/linux/blob/master/kernel/watchdog.c
 * @see https://github.com/torvalds/linux/blob/master/kernel/rcu/tree_stall.h
 * @see https://github.com/torvalds/linux/blob/master/kernel/rcu/tasks.h
 * @see https://github.com/torvalds/linux/blob/master/kernel/workqueue.c
 */
export const stalls: readonly Format[] = [
  {
    kind: "hung-task",
    pattern: /^INFO: task (?<task>.+):(?<pid>\d+) can't die(?: for more than (?<seconds>\d+) seconds)?/,
    title: "INFO: task can't die[ in {fn}]",
  },
  {
    kind: "hung-task",
    pattern:
      /^INFO: task (?<task>.+):(?<pid>\d+) blocked(?: (?<wait>in I\/O wait|on .*?))? for more than (?<seconds>\d+) seconds/,
    title: "INFO: task hung[ in {fn}]",
  },
  {
    kind: "hung-task",
    // A task can call itself anything, line ends included.
    pattern: /^INFO: task (?!.* blocked (?:on|in) )(?<task>.*)$/,
    title: "INFO: task hung[ in {fn}]",
    confirm: /:\d+ (?:blocked|can't die) /,
  },
  {
    kind: "rcu-stall",
    pattern:
      /^(?:rcu: )?INFO: (?<flavour>rcu\w*)(?:_state)? (?:self-)?detected (?:expedited )?(?:stalls?|stall) on (?:CPU|tasks)/,
    title: "INFO: rcu detected stall[ in {fn}]",
  },
  {
    kind: "rcu-stall",
    pattern: /^(?:rcu: )?INFO: (?<flavour>rcu\w*) (?:self-)?detected/,
    title: "INFO: rcu detected stall[ in {fn}]",
  },
  {
    kind: "rcu-stall",
    pattern: /^INFO: RCU detected CPU (?<cpu>\d+) stall/,
    title: "INFO: rcu detected stall[ in {fn}]",
  },
  {
    kind: "rcu-stall",
    pattern:
      /^\w+: (?<flavour>rcu_tasks\w*) grace period number \d+ \(since boot\).*? is (?<jiffies>\d+) jiffies old/,
    title: "INFO: rcu detected stall",
  },
  {
    kind: "soft-lockup",
    pattern:
      /^(?:\w[\w ]*: )?BUG: soft lockup(?: - CPU#(?<cpu>\d+) stuck for (?<seconds>\d+)s!(?: \[(?<task>.+):(?<pid>\d+)\])?)?/,
    title: "BUG: soft lockup[ in {fn}]",
  },
  {
    kind: "hard-lockup",
    pattern:
      /^(?:(?:NMI )?[Ww]atchdog: )?(?:(?:CPU ?\d+: )?Watchdog detected hard LOCKUP on cpu ?(?<cpu>\d+)|CPU (?<cpu2>\d+) (?:self-)?detected hard LOCKUP|BUG: hard lockup)/,
    title: "BUG: hard lockup[ in {fn}]",
  },
  {
    kind: "hard-lockup",
    pattern: /^(?:NMI )?[Ww]atchdog detected LOCKUP on CPU ?(?<cpu>\d+)/,
    title: "BUG: hard lockup[ in {fn}]",
  },
  {
    kind: "workqueue-lockup",
    pattern: /^BUG: workqueue lockup(?: - pool(?<pool>.*?) stuck for (?<seconds>\d+)s!)?/,
    title: "BUG: workqueue lockup",
  },
  {
    kind: "unregister-netdevice",
    pattern:
      /^(?:unregister_netdevice|netdev_wait_allrefs): waiting for (?<device>\S+)(?: to become free)?(?:. Usage count = (?<count>-?\d+))?/,
    title: "unregister_netdevice: waiting for DEV to become free",
  },
  {
    kind: "task-stack",
    pattern: /^task:(?<task>.{1,64}?)\s{1,40}state:(?<state>D)\b.*?\bpid: *(?<pid>\d+)/,
    title: "task in D[ in {fn}]",
  },
  {
    kind: "task-stack",
    pattern:
      /^(?<task>\S.{0,63}?)\s{1,40}(?<state>D)\s{1,40}(?:[0-9a-f]{8,16}\s+)?\d+\s+(?<pid>\d+)\s+\d+\s+0x[0-9a-f]{8,16}$/,
    title: "task in D[ in {fn}]",
  },
];
