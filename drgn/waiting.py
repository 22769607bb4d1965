"""What tasks wait for: one row a kind of lock, and how its waiters and its owner are found in memory."""

from drgn import FaultError, Object, offsetof

# Functions that every sleep goes through: they say nothing about what is waited for.
LEAVES = {
    "__schedule",
    "__switch_to",
    "__switch_to_asm",
    "context_switch",
    "schedule",
    "schedule_timeout",
    "schedule_preempt_disabled",
    "schedule_hrtimeout_range",
    "schedule_hrtimeout_range_clock",
    "io_schedule",
    "io_schedule_timeout",
    "bit_wait",
    "bit_wait_io",
}


def plain_name(name):
    """A function's name without what the compiler appended to it."""
    return name.split(".")[0]


def hexadecimal(value):
    return f"0x{value:x}"


def head_of(reader, node, task_after, most):
    """
    The head of the list that a waiter's node is in, and the tasks of all waiters.

    A node is a waiter's if it lies on the stack of the task that it names; the one that does not is the head.
    """
    prog = reader.prog

    def waiter_at(address):
        task = prog.read_u64(address + task_after)
        known = reader.tasks.get(task)
        return task if known is not None and reader.in_stack(address, known) else None

    head, waiters = None, []
    at = node
    for _ in range(most):
        following, before = prog.read_u64(at), prog.read_u64(at + 8)
        if prog.read_u64(following + 8) != at or prog.read_u64(before) != at:
            return None, []
        task = waiter_at(at)
        if task is None:
            if head is not None:
                return None, []
            head = at
        else:
            waiters.append(task)
        at = following
        if at == node:
            return head, waiters
    return None, []


class Kind:
    """A kind of thing that is waited for."""

    def __init__(self, name, functions, owner, **where):
        self.name = name
        self.functions = functions
        self.owner = owner
        self.waiter = where.get("waiter")
        self.task_member = where.get("task", "task")
        self.list_member = where.get("list", "list")
        self.object = where.get("object")
        self.head_member = where.get("head", "wait_list")
        self.direct = where.get("direct")
        # Whether its list has all that wait, so that the first is among them.
        self.lists_all = where.get("lists_all", False)


def task_or_gone(reader, address):
    """A task by its address: one that lives, or one that is no more."""
    if address in reader.tasks:
        return {"type": "task", "task": hexadecimal(address)}
    gone = {"type": "gone", "address": hexadecimal(address)}
    task = Object(reader.prog, "struct task_struct *", address)
    was = reader.look(
        "the memory of a task that is gone",
        lambda: {"pid": task.pid.value_(), "comm": reader.comm(task)},
    )
    # Freed memory is another's, or as it was left: only what looks like a task is passed on, as what it was.
    if was is not None and 0 < was["pid"] < 2**22 and was["comm"].isprintable() and was["comm"] != "":
        gone["was"] = was
    return gone


def came_later(reader, task, waiters):
    """
    Whether a task began after all of these last ran. Then it cannot have the lock that they wait for: whoever gives a
    lock up wakes the first in its list. It only has, or had, the memory of the owner, which is gone.

    A task's beginning and its last turn are of two clocks that start together at boot; one is slewed, by 500 ppm at
    most.
    """
    if not waiters or not reader.has_member("struct sched_info", "last_arrival"):
        return False
    born = task.start_time.value_()
    slack = 10**9 + born // 1000
    return all(reader.tasks[each].sched_info.last_arrival.value_() + slack < born for each in waiters)


def seen_through(reader, owner, waiters):
    """What a lock's word says of its owner, without those that came later than the lock was taken."""
    address = owner.get("task") if owner["type"] == "task" else owner.get("was") and owner["address"]
    if address is None:
        return owner
    task = Object(reader.prog, "struct task_struct *", int(address, 16))
    if not came_later(reader, task, waiters):
        return owner
    gone = {"type": "gone", "address": address}
    if owner["type"] == "task":
        gone["now"] = {"pid": task.pid.value_(), "comm": reader.comm(task)}
    return gone


def mutex_owner(reader, address, _names):
    """The low three bits of the owner's word are flags. https://docs.kernel.org/locking/mutex-design.html"""
    word = reader.prog.read_u64(address + offsetof(reader.prog.type("struct mutex"), "owner"))
    holder = word & ~7
    owner = task_or_gone(reader, holder) if holder else {"type": "nobody"}
    return {"word": hexadecimal(word), "owner": owner}


def rwsem_owner(reader, address, _names):
    """Bit 0 of the count says that a writer has it; of the owner's word, that readers have."""
    sem = Object(reader.prog, "struct rw_semaphore", address=address)
    count = sem.count.counter.value_() & (2**64 - 1)
    word = sem.owner.counter.value_() & (2**64 - 1)
    holder = word & ~3
    about = {"word": hexadecimal(word), "count": hexadecimal(count)}
    readers = (count & (2**63 - 1)) >> 8
    if count & 1:
        owner = task_or_gone(reader, holder) if holder else {"type": "nobody"}
    elif readers:
        owner = {"type": "readers", "count": readers}
        if holder in reader.tasks:
            # Only the reader that came last leaves its name.
            owner["last"] = hexadecimal(holder)
    else:
        owner = {"type": "nobody"}
    return {**about, "owner": owner}


def semaphore_owner(reader, address, _names):
    count = Object(reader.prog, "struct semaphore", address=address).count.value_()
    return {"count": str(count), "owner": {"type": "not kept", "signalled": count > 0}}


def rt_mutex_owner(reader, address, _names):
    word = Object(reader.prog, "struct rt_mutex_base", address=address).owner.value_()
    holder = word & ~1
    owner = task_or_gone(reader, holder) if holder else {"type": "nobody"}
    return {"word": hexadecimal(word), "owner": owner}


def completion_owner(reader, address, names):
    """A completion keeps no owner; some are somebody's end, and then it is known whose."""
    done = Object(reader.prog, "struct completion", address=address).done.value_()
    owner = {"type": "not kept", "signalled": done > 0}
    for task_address, task in reader.tasks.items():
        if task.vfork_done.value_() == address:
            owner["task"] = hexadecimal(task_address)
            owner["why"] = "its end, or its exec"
    if "task" not in owner and any(name.startswith(("synchronize_rcu", "__wait_rcu_gp")) for name in names):
        keeper = reader.look("the RCU thread", lambda: reader.prog["rcu_state"].gp_kthread.value_())
        if keeper in reader.tasks:
            owner["task"] = hexadecimal(keeper)
            owner["why"] = "an RCU grace period"
    return {"count": str(done), "owner": owner}


def queue_owner(_reader, _address, _names):
    return {"owner": {"type": "not kept"}}


def waited_bit(task, reader, waiter, entry):
    """
    The word and the bit that a wait on a hashed queue is really for. That a task's stack has its address says little:
    a waiter is linked into a queue.

    @param entry the name of its wait_queue_entry.
    """
    prog = reader.prog
    kind = prog.type(waiter)
    task_at = offsetof(kind, f"{entry}.private")
    list_at = offsetof(kind, f"{entry}.entry")
    start, words = reader.stack_of(task)
    for index, word in enumerate(words):
        if word != task.value_():
            continue
        found = start + 8 * index - task_at
        if is_linked(prog, found + list_at):
            yield Object(prog, kind, address=found)


def is_linked(prog, node):
    """Whether a node is in a list with somebody else."""
    try:
        following, before = prog.read_u64(node), prog.read_u64(node + 8)
        return following != node and prog.read_u64(following + 8) == node and prog.read_u64(before) == node
    except FaultError:
        return False


def bit_wait(reader, task):
    for entry in waited_bit(task, reader, "struct wait_bit_queue_entry", "wq_entry"):
        flags = entry.key.flags.value_()
        bit = entry.key.bit_nr.value_()
        if flags > 2**63 and -1 <= bit < 64:
            reader.bits[(task.value_(), flags)] = bit
            return flags, [task.value_()]
    return None


def bit_owner(reader, address, _names):
    """Nobody is named by a bit; but a bit that is clear is waited for by mistake."""
    bits = [bit for (_task, flags), bit in reader.bits.items() if flags == address]
    bit = bits[0]
    about = {"owner": {"type": "not kept"}}
    if 0 <= bit:
        word = reader.prog.read_u64(address)
        about = {"count": f"bit {bit}", "word": hexadecimal(word)}
        about["owner"] = {"type": "not kept", "signalled": not (word >> bit) & 1}
    return about


def page_wait(reader, task):
    for entry in waited_bit(task, reader, "struct wait_page_queue", "wait"):
        folio = entry.folio.value_() if reader.has_member("struct wait_page_queue", "folio") else entry.page.value_()
        bit = entry.bit_nr.value_()
        if folio > 2**63 and 0 <= bit < 64:
            reader.bits[(task.value_(), folio)] = bit
            return folio, [task.value_()]
    return None


class Table:
    """Kinds by the functions that wait for them."""

    def __init__(self, kinds, others):
        self.rows = {function: kind for kind in kinds for function in kind.functions}
        self.others = others

    def __contains__(self, name):
        return name in self.rows

    def __getitem__(self, name):
        return self.rows[name]


MUTEX = Kind(
    "mutex",
    ["__mutex_lock", "__mutex_lock_common", "__mutex_lock_slowpath", "__mutex_lock_killable_slowpath"]
    + ["__mutex_lock_interruptible_slowpath", "__ww_mutex_lock", "__ww_mutex_lock_slowpath"]
    + ["mutex_lock", "mutex_lock_nested", "mutex_lock_killable", "mutex_lock_io"],
    mutex_owner,
    waiter="struct mutex_waiter",
    object="struct mutex",
    lists_all=True,
)
RWSEM = Kind(
    "rwsem",
    ["rwsem_down_read_slowpath", "rwsem_down_write_slowpath", "__down_read_common", "__down_write_common"]
    + ["__down_read", "__down_write", "down_read", "down_write", "down_read_killable", "down_write_killable"],
    rwsem_owner,
    waiter="struct rwsem_waiter",
    object="struct rw_semaphore",
    lists_all=True,
)
SEMAPHORE = Kind(
    "semaphore",
    ["__down", "__down_common", "___down_common", "__down_killable", "__down_interruptible", "__down_timeout", "down"],
    semaphore_owner,
    waiter="struct semaphore_waiter",
    object="struct semaphore",
)
RT_MUTEX = Kind(
    "rt-mutex",
    ["rt_mutex_slowlock", "__rt_mutex_slowlock", "rt_mutex_slowlock_block", "rtlock_slowlock", "rt_mutex_lock"],
    rt_mutex_owner,
    waiter="struct rt_mutex_waiter",
    object="struct rt_mutex_base",
    direct=lambda reader, task: (
        (task.pi_blocked_on.lock.value_(), [task.value_()]) if task.pi_blocked_on.value_() else None
    ),
)
COMPLETION = Kind(
    "completion",
    ["do_wait_for_common", "__wait_for_common", "wait_for_common", "wait_for_common_io", "wait_for_completion"]
    + ["wait_for_completion_killable", "wait_for_completion_state", "wait_for_completion_timeout"]
    + ["wait_for_completion_io", "wait_for_completion_io_timeout", "wait_for_completion_interruptible"],
    completion_owner,
    waiter="struct swait_queue",
    list="task_list",
    object="struct completion",
    head="wait.task_list",
)
PAGE = Kind(
    "page",
    ["folio_wait_bit_common", "folio_wait_bit", "__folio_lock", "wait_on_page_bit_common", "__lock_page"],
    bit_owner,
    direct=page_wait,
)
BIT = Kind("bit", ["__wait_on_bit", "__wait_on_bit_lock", "out_of_line_wait_on_bit"], bit_owner, direct=bit_wait)
QUEUE = Kind(
    "wait queue",
    ["percpu_rwsem_wait"],
    queue_owner,
    waiter="struct wait_queue_entry",
    task="private",
    list="entry",
    object="struct wait_queue_head",
    head="head",
)

TABLE = Table([MUTEX, RWSEM, SEMAPHORE, RT_MUTEX, COMPLETION, PAGE, BIT, QUEUE], [QUEUE])
