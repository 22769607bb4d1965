"""Where an object lives: a member of which structure, in which variable, on whose stack, in which slab."""

from drgn import FaultError, Object, TypeKind, sizeof
from drgn.helpers.linux.list import list_for_each_entry

MOST_RINGS = 200
# What is a lock, or only a shell around one, is no place for it.
LOCKS = {"mutex", "ww_mutex", "rt_mutex", "rt_mutex_base", "rw_semaphore", "semaphore", "completion"} | {
    "wait_queue_head",
    "swait_queue_head",
}
MOST_DEPTH = 6
MOST_MODULES = 500


def hexadecimal(value):
    return f"0x{value:x}"


def stripped(type_):
    while type_.kind == TypeKind.TYPEDEF:
        type_ = type_.type
    return type_


def member_at(type_, offset, depth=MOST_DEPTH):
    """The name of the innermost named member that begins at, or holds, an offset. None: there is none."""
    type_ = stripped(type_)
    if depth == 0 or type_.kind not in (TypeKind.STRUCT, TypeKind.UNION) or type_.members is None:
        return None
    for member in type_.members:
        start = member.bit_offset // 8
        inner = stripped(member.type)
        try:
            size = sizeof(inner)
        except TypeError:
            continue
        if not start <= offset < start + max(size, 1):
            continue
        rest = offset - start
        if member.name is None:
            return member_at(inner, rest, depth - 1)
        below = None if rest == 0 else member_at(inner, rest, depth - 1)
        return member.name if below is None else f"{member.name}.{below}"
    return None


def module_ranges(module):
    """Where a module's code and data are: in one piece before Linux 6.4, in several since."""
    try:
        return [(module.core_layout.base.value_(), module.core_layout.size.value_())]
    except AttributeError:
        return [(each.base.value_(), each.size.value_()) for each in module.mem]


class Places:
    """Structures that are known by where they hang: tasks, their memory, their rings."""

    def __init__(self, reader):
        self.reader = reader
        self.known = {}
        reader.bits = {}

    def structures(self):
        """Pointers to structures that tasks lead to, each once."""
        if self.known:
            return self.known.values()
        for task in self.reader.tasks.values():
            self.add(task)
            for member in ("mm", "signal", "files", "fs", "io_uring"):
                try:
                    self.add(task.member_(member))
                except (LookupError, FaultError):
                    continue
            try:
                if task.io_uring.value_():
                    self.add_rings(task.io_uring)
            except (AttributeError, FaultError, LookupError):
                continue
        return self.known.values()

    def add(self, pointer):
        if pointer.value_() and len(self.known) < 20000:
            self.known.setdefault((pointer.value_(), pointer.type_.type.type_name()), pointer)

    def add_rings(self, context):
        from drgn.helpers.linux.xarray import xa_for_each

        for count, (_index, entry) in enumerate(xa_for_each(context.xa.address_of_())):
            if count >= MOST_RINGS:
                break
            ring = Object(self.reader.prog, "struct io_tctx_node *", entry.value_()).ctx
            self.add(ring)
            self.add(ring.sq_data)

    def of(self, address, trace, kind):
        """Where an address is, in words, best first."""
        for find in (self.in_variable, self.in_structure, self.in_module, self.on_stack, self.in_slab):
            found = self.reader.look(f"where {hexadecimal(address)} is", lambda: find(address, trace))
            if found is not None:
                return found
        return {"type": "unknown"}

    def in_variable(self, address, _trace):
        try:
            symbol = self.reader.prog.symbol(address)
        except LookupError:
            return None
        if not symbol.address <= address < symbol.address + max(symbol.size, 1):
            return None
        rest = address - symbol.address
        return {"type": "variable", "name": symbol.name if rest == 0 else f"{symbol.name}+{hexadecimal(rest)}"}

    def in_structure(self, address, trace):
        best = None
        local = list(self.locals_of(trace))
        for pointer in [*self.structures(), *local, *self.one_further(local)]:
            start, type_ = pointer.value_(), pointer.type_.type
            try:
                size = sizeof(type_)
            except TypeError:
                continue
            # The lock itself says nothing about where it is.
            if not start <= address < start + size or stripped(type_).kind != TypeKind.STRUCT:
                continue
            name = member_at(type_, address - start)
            if name is None or name.startswith("wait_list"):
                continue
            if self.is_lock(type_):
                continue
            if best is None or size < best[0]:
                best = (size, {"type": "member", "name": name, "of": type_.type_name(), "at": hexadecimal(start)})
        return None if best is None else best[1]

    def is_lock(self, type_):
        tag = stripped(type_).tag
        return tag in LOCKS

    def locals_of(self, trace):
        for frame in trace or []:
            for name in frame.locals():
                try:
                    value = frame[name]
                    if value.absent_ or stripped(value.type_).kind != TypeKind.POINTER:
                        continue
                    if value.value_() > 2**63 and stripped(stripped(value.type_).type).kind == TypeKind.STRUCT:
                        yield value
                except Exception:
                    # drgn 0.0.22 has a plain Exception for where it cannot tell: an expression that it does not know.
                    continue

    def one_further(self, pointers):
        """What structures point to: a function often has only the one that leads to the other."""
        for pointer in pointers:
            type_ = stripped(pointer.type_.type)
            for member in type_.members or []:
                if member.name is None or stripped(member.type).kind != TypeKind.POINTER:
                    continue
                if stripped(stripped(member.type).type).kind != TypeKind.STRUCT:
                    continue
                try:
                    value = pointer.member_(member.name)
                    if value.value_() > 2**63:
                        yield value
                except FaultError:
                    break

    def in_module(self, address, _trace):
        """A module's data has no name without its debug information, but its place is known."""
        prog = self.reader.prog
        try:
            modules = prog["modules"]
        except KeyError:
            return None
        for count, module in enumerate(list_for_each_entry("struct module", modules.address_of_(), "list")):
            if count >= MOST_MODULES:
                return None
            for start, size in module_ranges(module):
                if start <= address < start + size:
                    name = module.name.string_().decode("utf-8", "replace")[:56]
                    return {"type": "variable", "name": f"[{name}]+{hexadecimal(address - start)}"}
        return None

    def on_stack(self, address, _trace):
        for task in self.reader.tasks.values():
            if self.reader.in_stack(address, task):
                return {"type": "stack", "task": hexadecimal(task.value_())}
        return None

    def in_slab(self, address, _trace):
        from drgn.helpers.linux.slab import find_containing_slab_cache

        cache = find_containing_slab_cache(self.reader.prog, address)
        if not cache.value_():
            return None
        return {"type": "slab", "name": cache.name.string_().decode("utf-8", "replace")[:100]}
