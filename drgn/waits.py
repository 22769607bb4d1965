"""Says for every task in uninterruptible sleep what it waits for and who holds that, as one JSON document.

Run by drgn, 0.0.22 or newer:

    drgn --quiet --no-default-symbols --core CORE --symbols VMLINUX waits.py

CORE is an ELF dump of a machine's memory with a VMCOREINFO note. Nothing is guessed: an owner is named only where
the lock's own word names it, and what cannot be read is listed under "unread". The document is bounded however the
memory looks; src/why/facts.ts is its schema.

https://drgn.readthedocs.io
"""

import json
import sys

import drgn
from drgn import FaultError, offsetof, sizeof
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.sched import task_state_to_char

from places import Places
from waiting import LEAVES, TABLE, head_of, plain_name, seen_through

MOST_TASKS = 300
MOST_FRAMES = 40
MOST_WAITERS = 500
MOST_UNREAD = 50
MOST_TEXT = 200
SCHEDULER = "kernel/sched/core.c"


def hexadecimal(value):
    return f"0x{value:x}"


class Reader:
    """Reads one dump."""

    def __init__(self, prog):
        self.prog = prog
        self.unread = []
        if not prog["init_task"].comm.string_().startswith(b"swapper"):
            raise ValueError("the debug information is another build's: its first task is not where it says")
        self.root = ""
        self.tasks = {}
        for task in for_each_task(prog):
            self.tasks[task.value_()] = task
        idle = self.look("idle tasks", lambda: prog["init_task"].address_of_())
        if idle is not None:
            self.tasks.setdefault(idle.value_(), idle)
        self.stack_size = self.stack_size_of()
        self.places = Places(self)

    def look(self, what, read):
        """What a function reads; where memory or debug data do not allow it, None, and it is noted."""
        try:
            return read()
        except (FaultError, LookupError, AttributeError, ValueError, TypeError) as error:
            if len(self.unread) < MOST_UNREAD:
                self.unread.append(f"{what}: {type(error).__name__}: {error}"[:MOST_TEXT])
            return None

    def stack_size_of(self):
        try:
            return sizeof(self.prog.type("union thread_union"))
        except LookupError:
            # The compiler leaves out types that nothing has a variable of.
            return 16384

    def has_member(self, type_name, member):
        try:
            offsetof(self.prog.type(type_name), member)
            return True
        except LookupError:
            return False

    # --- tasks ---

    def comm(self, task):
        return task.comm.string_().decode("utf-8", "replace")[:16]

    def is_on_cpu(self, task):
        try:
            return bool(task.on_cpu.value_())
        except AttributeError:
            return False

    def describe(self, address):
        task = self.tasks[address]
        about = {
            "address": hexadecimal(address),
            "pid": task.pid.value_(),
            "process": task.tgid.value_(),
            "comm": self.comm(task),
            "state": task_state_to_char(task),
            "running": self.is_on_cpu(task),
            "exiting": bool(task.flags.value_() & 0x4),
            "frames": self.frames(task),
        }
        held = self.held(task)
        if held is not None:
            about["held"] = held
        return about

    def trace(self, task):
        return self.look(f"stack of {task.pid.value_()}", lambda: self.prog.stack_trace(task))

    def frames(self, task):
        frames = []
        trace = self.trace(task)
        for frame in [] if trace is None else list(trace)[:MOST_FRAMES]:
            name = frame.name or ""
            if name == "":
                try:
                    name = frame.symbol().name
                except LookupError:
                    continue
            one = {"function": name[:MOST_TEXT]}
            try:
                file, line, _column = frame.source()
                one["source"] = f"{self.in_tree(file)[-150:]}:{line}"
            except LookupError:
                pass
            if frame.is_inline:
                one["inline"] = True
            frames.append(one)
        return frames

    def in_tree(self, file):
        """A file's path in the kernel's source: whoever sleeps goes through the scheduler, whose place is known."""
        if file.endswith(SCHEDULER):
            self.root = file[: -len(SCHEDULER)]
        return file[len(self.root) :] if self.root and file.startswith(self.root) else file

    def lockdep(self):
        """Whether it still looks: it stops at its first report."""
        if not self.has_member("struct task_struct", "held_locks"):
            return {}
        looks = self.look("whether lockdep looks", lambda: self.prog["debug_locks"].value_())
        return {} if looks is None else {"lockdep": "on" if looks else "off"}

    def held(self, task):
        """What lockdep says that a task holds; None: the kernel was built without it."""
        if not self.has_member("struct task_struct", "held_locks"):
            return None
        held = []
        for index in range(min(task.lockdep_depth.value_(), 48)):
            one = self.look("a held lock", lambda: self.held_lock(task.held_locks[index]))
            if one is not None:
                held.append(one)
        return held

    def held_lock(self, lock):
        instance = lock.instance
        name = instance.name.string_().decode("utf-8", "replace")[:MOST_TEXT]
        return {"map": hexadecimal(instance.value_()), "name": name}

    # --- what a task waits for ---

    def stack_of(self, task):
        """The part of a sleeping task's stack that is in use, as an address and words."""
        base = task.stack.value_()
        start = task.thread.sp.value_()
        if not base <= start < base + self.stack_size:
            start = base
        data = self.prog.read(start, base + self.stack_size - start)
        words = memoryview(data[: len(data) // 8 * 8]).cast("Q")
        return start, words

    def in_stack(self, address, task):
        base = task.stack.value_()
        return base <= address < base + self.stack_size

    def wait_of(self, address):
        task = self.tasks[address]
        if self.is_on_cpu(task):
            return None
        names = [plain_name(frame["function"]) for frame in self.frames(task)]
        # Who asked for it says more than the function that sleeps for everybody.
        asking = [name for name in names if name not in LEAVES and name not in TABLE]
        inside = next(iter(asking or names), "unknown")
        kind = next((TABLE[name] for name in names if name in TABLE), None)
        wait = {"kind": kind.name if kind else "unknown", "function": inside, "waiters": []}
        for candidate in [kind] if kind else TABLE.others:
            found = self.look(
                f"what {task.pid.value_()} waits for ({candidate.name})",
                lambda: self.find_object(task, candidate, names),
            )
            if found is None:
                continue
            lock, waiters = found
            wait["kind"] = candidate.name
            wait["object"] = hexadecimal(lock)
            wait["waiters"] = [hexadecimal(each) for each in waiters]
            self.look("the owner", lambda: wait.update(candidate.owner(self, lock, names)))
            wait.setdefault("owner", {"type": "unreadable"})
            if candidate.lists_all:
                self.look("since when the owner is", lambda: self.see_through(wait, waiters))
            wait["place"] = self.places.of(lock, self.trace(task), candidate)
            holders = self.lockdep_holders(lock, candidate)
            if holders is not None:
                wait["lockdep"] = [hexadecimal(each) for each in holders if each not in waiters]
            break
        else:
            wait["owner"] = {"type": "unreadable"}
        return wait

    def see_through(self, wait, waiters):
        wait["owner"] = seen_through(self, wait["owner"], waiters)

    def find_object(self, task, kind, names):
        """The object at the head of the list that holds a waiter on this task's stack, and who else is in it."""
        if kind.direct is not None:
            return kind.direct(self, task)
        waiter_type = self.prog.type(kind.waiter)
        task_at = offsetof(waiter_type, kind.task_member)
        list_at = offsetof(waiter_type, kind.list_member)
        start, words = self.stack_of(task)
        for index, word in enumerate(words):
            if word != task.value_():
                continue
            node = start + 8 * index - task_at + list_at
            if not self.in_stack(node, task):
                continue
            try:
                head, waiters = head_of(self, node, task_at - list_at, MOST_WAITERS)
            except FaultError:
                continue
            if head is None:
                continue
            return head - offsetof(self.prog.type(kind.object), kind.head_member), waiters
        return None

    def lockdep_holders(self, lock, kind):
        if kind.object is None or not self.has_member("struct task_struct", "held_locks"):
            return None
        if not self.has_member(kind.object, "dep_map"):
            return None
        wanted = lock + offsetof(self.prog.type(kind.object), "dep_map")
        return [
            address
            for address, task in self.tasks.items()
            for index in range(min(task.lockdep_depth.value_(), 48))
            if task.held_locks[index].instance.value_() == wanted
        ]

    # --- all of it ---

    def document(self):
        told = {}
        todo = [
            address
            for address, task in self.tasks.items()
            if self.look("a task's state", lambda: task_state_to_char(task)) == "D"
        ]
        total = len(todo)
        truncated = False
        while todo:
            address = todo.pop(0)
            if address in told or address not in self.tasks:
                continue
            if len(told) >= MOST_TASKS:
                truncated = True
                break
            about = self.look("a task", lambda: self.describe(address))
            if about is None:
                continue
            told[address] = about
            if about["state"] in "DSI" and not about["running"]:
                wait = self.look("what a task waits for", lambda: self.wait_of(address))
                if wait is not None:
                    about["wait"] = wait
                    owner = wait.get("owner", {})
                    for named in [owner.get("task"), owner.get("last"), *wait.get("lockdep", [])]:
                        if named is not None:
                            todo.append(int(named, 16))
        return {
            "schemaVersion": 1,
            **self.lockdep(),
            "drgn": drgn.__version__,
            "release": self.prog["init_uts_ns"].name.release.string_().decode("utf-8", "replace")[:MOST_TEXT],
            "blocked": total,
            "tasks": list(told.values()),
            "truncated": truncated,
            "unread": self.unread,
        }


def main(prog):
    json.dump(Reader(prog).document(), sys.stdout)
    print()


if __name__ == "__main__":
    # drgn gives it to what it runs.
    main(globals()["prog"])
