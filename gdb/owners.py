"""A command for gdb in a replay: `owners LOCK [N]` goes back from here, and tells who took and gave a mutex.

Each line is a write or a read of the mutex' owner word, the latest first: the instruction's number in the recording, the
task that did it, the functions it was in, and who owned the mutex after it. A task that unlocks what another task holds, or
what nobody holds, is told as that.

https://sourceware.org/gdb/current/onlinedocs/gdb.html/Breakpoints-In-Python.html
"""

import re

import gdb

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


def show(event, before):
    task, owner, names, number = event
    print(f"{number}  {task_at(task)}  {task_at(before)} -> {task_at(owner)}  {judge(event, before)}".rstrip())
    print(f"    {' < '.join(names)}")


class Owners(gdb.Command):
    """Go back from here, and tell who took and gave a mutex: owners LOCK [HOW OFTEN]."""

    def __init__(self):
        super().__init__("owners", gdb.COMMAND_RUNNING)

    def invoke(self, argument, _from_tty):
        words = gdb.string_to_argv(argument)
        if not 1 <= len(words) <= 2:
            raise gdb.GdbError("expected the address of a mutex, and how many accesses: owners $rdi 5")
        lock = int(gdb.parse_and_eval(f"(unsigned long)({words[0]})"))
        most = int(words[1]) if len(words) == 2 else 5
        gdb.lookup_type("struct mutex")
        word = gdb.lookup_type("unsigned long").pointer()

        def owner():
            return int(gdb.Value(lock).cast(word).dereference()) & ~FLAGS

        print(f"{instruction()}  here  {task_at(owner())} owns it")
        access = gdb.Breakpoint(
            f"*(unsigned long *){lock:#x}", gdb.BP_WATCHPOINT, wp_class=gdb.WP_ACCESS, internal=True
        )
        later = None
        try:
            for _ in range(most + 1):
                said = gdb.execute("reverse-continue", to_string=True)
                if "No more reverse-execution history" in said:
                    print("this is the first instruction of the recording")
                    return
                if later is not None:
                    show(later, owner())
                later = (current(), owner(), functions(), instruction())
        finally:
            access.delete()


Owners()
