"""A command for gdb at a machine's gdb server: `stuck` shows the stacks of all tasks in D, `stuck PID` of one.

gdb knows only the machine's processors. A task that sleeps has its registers on its own stack: the processor that is
selected is given them for a moment, and its own back.

https://sourceware.org/gdb/current/onlinedocs/gdb.html/Commands-In-Python.html
"""

import gdb

UNINTERRUPTIBLE = 2
NOLOAD = 0x400
MOST = 5000


def member(type_name, name):
    for field in gdb.lookup_type(type_name).fields():
        if field.name == name:
            return field
    raise gdb.GdbError(f"{type_name} has no {name}: is this the debug information of this kernel?")


def entries(head, type_name, name):
    """The structures of a list; one that bites its own tail elsewhere ends, too."""
    offset = member(type_name, name).bitpos // 8
    pointer = gdb.lookup_type(type_name).pointer()
    at = head["next"]
    for _ in range(MOST):
        if at == head.address:
            return
        yield (at.cast(gdb.lookup_type("char").pointer()) - offset).cast(pointer)
        at = at["next"]


def tasks():
    for process in entries(gdb.parse_and_eval("init_task")["tasks"], "struct task_struct", "tasks"):
        yield from entries(process["signal"]["thread_head"], "struct task_struct", "thread_node")


def state_of(task):
    try:
        return int(task["__state"])
    except gdb.error:
        return int(task["state"])


def show(task):
    print(f"{task['comm'].string()}:{int(task['pid'])}")
    if int(task["on_cpu"]):
        print("  a processor runs it: see `info threads`")
        return
    word = gdb.lookup_type("unsigned long").pointer()
    saved = gdb.Value(int(task["thread"]["sp"])).cast(word)
    # What __switch_to_asm leaves there, and where it goes on.
    names = ["r15", "r14", "r13", "r12", "rbx", "rbp", "rip"]
    given = {name: int(saved[index]) for index, name in enumerate(names)}
    given["rsp"] = int(task["thread"]["sp"]) + 8 * len(names)
    own = {name: int(gdb.parse_and_eval(f"(unsigned long)${name}")) for name in given}
    try:
        for name, value in given.items():
            gdb.execute(f"set ${name} = {value}", to_string=True)
        gdb.execute("backtrace 24")
    finally:
        for name, value in own.items():
            gdb.execute(f"set ${name} = {value}", to_string=True)


class Stuck(gdb.Command):
    """Show the stacks of all tasks in D, or of the task with the given PID."""

    def __init__(self):
        super().__init__("stuck", gdb.COMMAND_STACK)

    def invoke(self, argument, _from_tty):
        wanted = int(argument) if argument else None
        shown = 0
        for task in tasks():
            state = state_of(task)
            stuck = state & UNINTERRUPTIBLE and not state & NOLOAD
            if int(task["pid"]) == wanted if wanted is not None else stuck:
                show(task)
                shown += 1
        if shown == 0:
            print("no task is in D" if wanted is None else f"there is no task {wanted}")


# A build's own folders say nothing to whoever reads a stack.
gdb.execute("set filename-display basename")
Stuck()
