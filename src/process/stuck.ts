import { parseRing, type Ring } from "./rings.ts";

/**
 * A place in a program's code: a mapped file of the guest and an offset into that file, as
 * `/lib/x86_64-linux-gnu/libc.so.6+0x108cae`. Code that no file holds, such as a JIT compiler's, is `[anonymous]`.
 */
export type CodePlace = string;

/** What can be had of a thread's user side while it cannot be traced. */
export interface UserSide {
  readonly tid: number;
  /** Where it entered the kernel. */
  readonly instruction?: CodePlace;
  /**
   * Words near the top of its stack that point into code, innermost first: return addresses, with some left from
   * earlier calls. A thread in D cannot be stopped by a debugger, so nothing better is to be had.
   */
  readonly possibleCallers: readonly CodePlace[];
}

/** What the kernel shows of a process that does not die, beyond its threads' states and kernel stacks. */
export interface StuckProcess {
  readonly pid: number;
  readonly rings: readonly Ring[];
  readonly userSides: readonly UserSide[];
  /** Files whose reading did not end in time: a stuck thread holds the lock that they need. */
  readonly unread: readonly string[];
}

/**
 * Reads for each pid: its code mappings, its io_uring rings, and the top of each thread's user stack. Each file is
 * read by a process of its own that is left alone when it does not answer within a second: any of these may need a
 * lock that a stuck thread holds, and who waits for that is in D too.
 *
 * For bash: `read -t` is what gives up.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_syscall.5.html (the last two numbers: stack and instruction)
 */
export const stuckScript = `
bounded() {
  local name=$1 line code=0 in
  shift
  echo "@begin $name"
  exec {in}< <("$@" 2> /dev/null < /dev/null)
  while :; do
    IFS= read -r -t 1 -u "$in" line
    code=$?
    [ "$code" -eq 0 ] || break
    printf '%s\\n' "$line"
  done
  exec {in}<&-
  if [ "$code" -gt 128 ]; then echo "@late $name"; else echo "@end $name"; fi
}
user_stack() {
  dd if="/proc/$1/mem" bs=8 skip=$(($2 / 8)) count=512 status=none | base64 -w 0
  echo
}
for pid in "$@"; do
  [ -e "/proc/$pid" ] || continue
  echo "@process $pid"
  bounded maps grep -E '^[^ ]+ ..x' "/proc/$pid/maps"
  for fd in $(bounded fds find "/proc/$pid/fd" -lname 'anon_inode:*io_uring*' -printf '%f\\n' | grep -v '^@end'); do
    case $fd in
      [0-9]*) bounded "ring $fd" cat "/proc/$pid/fdinfo/$fd" ;;
      @late) echo "@late fd" ;;
    esac
  done
  for task in "/proc/$pid/task"/[0-9]*; do
    line=
    read -r line < "$task/syscall" || continue
    set -- $line
    [ $# -ge 3 ] || continue
    shift $(($# - 2))
    case $1 in 0x0|0xffff*) continue ;; esac
    echo "@user \${task##*/} $1 $2"
    bounded "stack \${task##*/}" user_stack "$pid" "$1"
  done
done 2> /dev/null
echo @done
`;

interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  readonly offset: bigint;
  readonly file: string;
}

/**
 * What {@link stuckScript} printed. Lines that it does not know are passed over.
 *
 * @example parseStuck(stdout)[0]?.rings[0]?.sqThread
 */
export function parseStuck(text: string): StuckProcess[] {
  return text
    .split(/^@process /m)
    .slice(1)
    .flatMap((part) => {
      const pid = Number(/^\d{1,10}\n/.exec(part)?.[0] ?? Number.NaN);
      if (!Number.isSafeInteger(pid)) return [];
      const sections = sectionsOf(part);
      const maps = (sections.get("maps") ?? "").split("\n").flatMap(readMapping);
      const rings = [...sections].flatMap(([name, body]) => {
        const fd = /^ring (\d{1,9})$/.exec(name)?.[1];
        return fd === undefined ? [] : [parseRing(Number(fd), body)];
      });
      const userSides = [...part.matchAll(/^@user (\d{1,10}) (0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16})$/gm)].map(
        ([, tid = "", , instruction = "0x0"]): UserSide => {
          const place = placeOf(maps, BigInt(instruction));
          return {
            tid: Number(tid),
            ...(place === undefined ? {} : { instruction: place }),
            possibleCallers: callersIn(maps, sections.get(`stack ${tid}`) ?? ""),
          };
        },
      );
      const unread = [...part.matchAll(/^@late (.{1,40})$/gm)].map(([, name = ""]) => name);
      return [{ pid, rings, userSides, unread }];
    });
}

function sectionsOf(part: string): Map<string, string> {
  const sections = new Map<string, string>();
  for (const match of part.matchAll(/^@begin ([^\n]{1,40})\n([\s\S]*?)^@(?:end|late) \1$/gm))
    sections.set(match[1] ?? "", match[2] ?? "");
  return sections;
}

function readMapping(line: string): Mapping[] {
  const match = /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) \S{4} ([0-9a-f]{1,16}) \S+ \d+\s*(.*)$/.exec(line);
  if (!match) return [];
  const [, start = "0", end = "0", offset = "0", path] = match;
  const file = path === undefined || path === "" ? "[anonymous]" : path;
  return [{ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), offset: BigInt(`0x${offset}`), file }];
}

function placeOf(maps: readonly Mapping[], address: bigint): CodePlace | undefined {
  const map = maps.find(({ start, end }) => address >= start && address < end);
  return map && `${map.file}+0x${(address - map.start + map.offset).toString(16)}`;
}

function callersIn(maps: readonly Mapping[], base64: string): CodePlace[] {
  const stack = Buffer.from(base64.trim(), "base64");
  const places: CodePlace[] = [];
  for (let at = 0; at + 8 <= stack.length && places.length < 32; at += 8) {
    const place = placeOf(maps, stack.readBigUInt64LE(at));
    if (place !== undefined) places.push(place);
  }
  return places;
}
