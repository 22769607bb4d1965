"""A command for gdb in a replay: `owners LOCK [N]` tells who took and gave a mutex before this instruction.

It goes from state to state that the replay left behind, the latest first, and does once more what came after each. A line
is a change of the mutex' owner, the latest first: the instruction's number in the recording, the task that did it, who
owned the mutex before and after, and the functions it was in. A task that unlocks what another task holds, or what nobody
holds, is told as that, and is where the command ends: the machine stands at that instruction then.

https://sourceware.org/gdb/current/onlinedocs/gdb.html/Python-API.html
"""

import re

import gdb

# gdb runs all scripts in one namespace: no name here may be one of stuck.py.

FLAGS = 7
DEEP = 6


def task_at(address):
    """The name of a task, such as node:133."""
    if address == 0:
        return "nobody"
    task = gdb.Value(address).cast(gdb.lookup_type("struct task_struct").pointer())
    try:
        return f"{task['comm'].string()}:{int(task['pid'])}"
    except (gdb.error, UnicodeDecodeError):
        return f"no task ({address:#x})"


def current():
    """The task that the processor runs; Linux 6.2 keeps it elsewhere."""
    base = int(gdb.parse_and_eval("(unsigned long)$gs_base"))
    for place in ("&current_task", "&pcpu_hot.current_task"):
        try:
            offset = int(gdb.parse_and_eval(f"(unsigned long){place}"))
        except gdb.error:
            continue
        word = gdb.lookup_type("unsigned long").pointer()
        return int(gdb.Value((base + offset) & (2**64 - 1)).cast(word).dereference())
    raise gdb.GdbError("it is not known which task runs: is this the debug information of this kernel?")


def functions():
    names = []
    frame = gdb.newest_frame()
    while frame is not None and len(names) < DEEP:
        names.append(frame.name() or "?")
        frame = frame.older()
    return names


def instruction():
    said = gdb.execute("monitor info replay", to_string=True)
    found = re.search(r"instruction count = (\d+)", said)
    if not found:
        raise gdb.GdbError("this is no replay: start one with `dstate replay RUN --gdb`")
    return int(found[1])


def judge(event, before):
    """What an access made of the owner that there was before it."""
    task, owner, names, _ = event
    if owner == before:
        if owner == 0 and any("mutex_unlock" in name for name in names):
            return "WRONG: unlocks what nobody holds"
        return ""
    if before not in (0, task):
        return f"WRONG: {task_at(before)} held it"
    return ""


def tell(event, before):
    task, owner, names, number = event
    print(f"{number}  {task_at(task)}  {task_at(before)} -> {task_at(owner)}  {judge(event, before)}".rstrip())
    print(f"    {' < '.join(names)}")


class Walk:
    """A replay, from one state to the next, with all accesses to a mutex' owner word."""

    def __init__(self, lock):
        gdb.lookup_type("struct mutex")
        self.lock = lock
        self.word = gdb.lookup_type("unsigned long").pointer()

    def owner(self):
        try:
            return int(gdb.Value(self.lock).cast(self.word).dereference()) & ~FLAGS
        except gdb.MemoryError:
            raise gdb.GdbError(f"there is no memory at {self.lock:#x}: expected the address of a mutex, as `stuck` shows it")

    def between(self, state, end):
        """Each change of the owner, and each unlocking, from a state to an instruction: (before, event)."""
        load(state)
        watch = gdb.Breakpoint(
            f"*(unsigned long *){self.lock:#x}", gdb.BP_WATCHPOINT, wp_class=gdb.WP_ACCESS, internal=True
        )
        watch.silent = True
        found = []
        stops = []

        def remember(event):
            stops.append(event)

        gdb.events.stop.connect(remember)
        try:
            gdb.execute(f"monitor replay_break {end}", to_string=True)
            before = self.owner()
            while True:
                gdb.execute("continue", to_string=True)
                here = instruction()
                if here >= end:
                    return found
                if isinstance(stops[-1], gdb.SignalEvent):
                    raise gdb.GdbError(f"interrupted: the machine stands at {here}, between {state} and {end}")
                after = self.owner()
                if after != before or "unlock" in (gdb.newest_frame().name() or ""):
                    found.append((before, (current(), after, functions(), here)))
                before = after
        finally:
            gdb.events.stop.disconnect(remember)
            watch.delete()


def states():
    """What the replay left behind: (instruction, name), the latest first."""
    said = gdb.execute("monitor info snapshots", to_string=True)
    found = {int(line.split()[-1]): line.split()[1] for line in said.splitlines() if re.search(r":\d\d\.\d+ +\d+$", line)}
    return sorted(found.items(), reverse=True)


def load(state):
    refused = gdb.execute(f"monitor loadvm {state}", to_string=True).strip()
    if refused:
        raise gdb.GdbError(f"QEMU does not go back to the state {state}: {refused}")
    gdb.execute("maintenance flush register-cache", to_string=True)
    gdb.execute("maintenance flush dcache", to_string=True)


def stand_at(number):
    """Go to an instruction: from the last state before it."""
    load(next(name for at, name in states() if at <= number))
    if instruction() < number:
        gdb.execute(f"monitor replay_break {number}", to_string=True)
        gdb.execute("continue", to_string=True)


class Owners(gdb.Command):
    """Tell who took and gave a mutex before this instruction: owners LOCK [HOW OFTEN]."""

    def __init__(self):
        super().__init__("owners", gdb.COMMAND_RUNNING)

    def invoke(self, argument, _from_tty):
        words = gdb.string_to_argv(argument)
        if not 1 <= len(words) <= 2 or not (words[1:] or ["1"])[0].isdigit():
            raise gdb.GdbError("expected the address of a mutex, and how many changes: owners $rdi 5")
        lock = int(gdb.parse_and_eval(f"(unsigned long)({words[0]})"))
        most = int(words[1]) if len(words) == 2 else 20
        walk = Walk(lock)
        end = here = instruction()
        print(f"{here}  here  {task_at(walk.owner())} owns it", flush=True)
        shown = 0
        for at, state in states():
            if at >= end:
                continue
            for before, event in reversed(walk.between(state, end)):
                if not any("mutex" in name for name in event[2]):
                    print(f"{event[3]}  before this it was no mutex: {' < '.join(event[2])}")
                    return stand_at(event[3])
                tell(event, before)
                shown += 1
                if judge(event, before) or shown == most:
                    return stand_at(event[3])
            end = at
        print("this is the first instruction of the recording")


Owners()
