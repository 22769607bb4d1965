// What parses bytes that a guest, a network or a file sends, each as a function of bytes. Thrown may be a sentence for people
// (a DstateError), or what is said to be thrown; everything else is a find.
import { strictEqual } from "node:assert";
import { readLog as readBisectLog } from "../../src/campaign/bisect/log.ts";
import { parsePlaces } from "../../src/decode/locate.ts";
import { parseSymbols } from "../../src/decode/symbols.ts";
import { parseFacts } from "../../src/diagnose/container-facts.ts";
import { readElfTables } from "../../src/diagnose/elf.ts";
import { parseSeccomp } from "../../src/diagnose/seccomp.ts";
import { parseTls } from "../../src/diagnose/tls.ts";
import { parseTrace } from "../../src/diagnose/trace.ts";
import { MarkedOutput } from "../../src/guest/marked-output.ts";
import { readShutdown } from "../../src/guest/shutdown.ts";
import { guestSystems } from "../../src/image/systems.ts";
import { parseFragment } from "../../src/kernel/configuration.ts";
import { packagesOf, sourcesOf } from "../../src/kernel/debian-index.ts";
import { parseModuleList } from "../../src/kernel/initramfs.ts";
import { parseSums } from "../../src/kernel/kernel-org.ts";
import { parseSystemMap } from "../../src/kernel-log/symbols.ts";
import { QmpMessages } from "../../src/machine/qmp-messages.ts";
import { verifyBytes } from "../../src/pack/minisign.ts";
import { unpack } from "../../src/pack/unpack.ts";
import { parseRegisters } from "../../src/platform/x86-64-registers.ts";
import { parseRing } from "../../src/process/rings.ts";
import { parseStuck } from "../../src/process/stuck.ts";
import { parseSample, parseStack } from "../../src/process/threads.ts";
import { parseTimeline } from "../../src/record/timeline.ts";
import { parseLinkedAgainst } from "../../src/runtime/guest-libraries.ts";
import { parseApkIndex } from "../../src/supply/apk-repository.ts";
import { parseDesc } from "../../src/supply/arch-repository.ts";
import { hashedFiles, parseStanza } from "../../src/supply/deb822.ts";
import { gzipMembers } from "../../src/supply/gzip-members.ts";
import { parseChallenge } from "../../src/supply/registry/challenge.ts";
import { parsePrimary, parseRepomd } from "../../src/supply/rpm-repository.ts";

export interface Target {
  readonly about: string;
  readonly run: (bytes: Buffer) => void;
  /** It makes paths out of what it reads and opens none: the fuzzer would call that a way out of a folder. */
  readonly namesPaths?: true;
  /** Node closes what it opens at a turn of the event loop, and not before: without one between inputs, memory runs out. */
  readonly closesLater?: true;
  /** Inputs to begin with: what the parser meets in life. */
  readonly seeds: readonly (string | Buffer)[];
}

const root = "https://mirror.example.org/pool";
const all = (): boolean => true;

/** Text in pieces whose lengths the first bytes say: what comes over a socket. */
function pieces(bytes: Buffer): { whole: Buffer; cut: Buffer[] } {
  const lengths = [...bytes.subarray(0, 4)].map((byte) => byte + 1);
  const whole = bytes.subarray(4);
  const cut: Buffer[] = [];
  for (let at = 0, turn = 0; at < whole.length; turn += 1) {
    const length = lengths[turn % 4] ?? 1;
    cut.push(whole.subarray(at, at + length));
    at += length;
  }
  return { whole, cut };
}

const elf = Buffer.concat([Buffer.from("7f454c4602010100", "hex"), Buffer.alloc(120)]);

export const targets: Readonly<Record<string, Target>> = {
  qmp: {
    about: "QEMU's monitor, in any pieces",
    run: (bytes) => {
      const { whole, cut } = pieces(bytes);
      const told = (parts: readonly Buffer[]): string => {
        const messages = new QmpMessages();
        return JSON.stringify(parts.flatMap((part) => messages.push(part.toString("latin1"))));
      };
      strictEqual(told(cut), told([whole]));
    },
    seeds: [
      '\x05\x10\x20\x40{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}\r\n',
      '\x01\x01\x01\x01{"return": {"status": "running"}, "id": 3}\n{"error": {"class": "GenericError", "desc": "no"}, "id": 4}\n',
      '\xff\xff\xff\xff{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}\n',
    ],
  },
  "guest-shell": {
    about: "what a guest's shell answers on its port, in any pieces",
    run: (bytes) => {
      const { whole, cut } = pieces(bytes);
      const until = (parts: readonly Buffer[]): string | undefined => {
        const output = new MarkedOutput("0123456789abcdef", 256);
        for (const part of parts) {
          const marked = output.push(part);
          if (marked) return JSON.stringify(marked);
        }
        return undefined;
      };
      strictEqual(until(cut), until([whole]));
    },
    seeds: [
      "\x03\x07\x0b\x10out\n\n0123456789abcdef 0\n",
      "\x01\x01\x01\x01\n0123456789abcdef 137\n\n0123456789abcdef 0\n",
    ],
  },
  proc: {
    about: "files of /proc that a guest sends: threads, stacks, stuck processes, io_uring rings",
    run: (bytes) => {
      const text = bytes.toString();
      parseSample(text);
      parseStack(text);
      parseStuck(text);
      parseRing(3, text);
      parseFacts(text);
    },
    seeds: [
      "@/proc/61/stat\n61 (node) D 1 61 61 0 -1 4194560 1 0 0 0 5 2 0 0 20 0 11 0 100 1 2 3\n@/proc/61/task/61/stat\n61 (no) de) D 1\n@/proc/61/task/61/wchan\nio_uring_del_tctx_node\nsampled\n",
      "[<0>] io_uring_del_tctx_node+0x62/0xe0\n[<0>] do_exit+0x3a5/0xb00\n",
      "@process 61\n@comm\nnode\n@fdinfo 7\nSqMask:\t0x3f\nSqHead:\t10\nSqTail:\t10\nCachedSqHead:\t10\nSqThread:\t-1\nUserFiles:\t0\n",
      "file /proc/self/status\nstatus 0\nSeccomp:\t2\n",
    ],
  },
  shutdown: {
    about: "the console of a guest that powers off",
    run: (bytes) => {
      const text = bytes.toString();
      for (const { init } of Object.values(guestSystems)) readShutdown(text, init.shutdown);
    },
    seeds: [
      "[  OK  ] Reached target shutdown.target - System Shutdown.\nsystemd-shutdown[1]: Sending SIGTERM to remaining processes...\nsystemd-shutdown[1]: Waiting for process: 61 (node), 62 (iou-sqp-61)\nreboot: Power down\n",
    ],
  },
  "package-index": {
    about: "indexes of Debian, rpm, apk and Arch repositories, and kernel.org's sums",
    run: (bytes) => {
      const text = bytes.toString();
      parseStanza(text);
      hashedFiles(text);
      packagesOf(text, { root, suite: "sid" });
      sourcesOf(text, { root, suite: "sid" });
      parseRepomd(text);
      parsePrimary(text, root, all);
      parseApkIndex(text, root, all);
      parseDesc(text, root);
      parseSums(text);
    },
    seeds: [
      "Package: linux-image-6.12.9-amd64\nVersion: 6.12.9-1\nDepends: kmod,\n linux-base\nFilename: pool/main/l/linux/a.deb\nSize: 12\nSHA256: 00\n\n",
      `Package: linux\nDirectory: pool/main/l/linux\nChecksums-Sha256:\n ${"0".repeat(64)} 12 linux_6.12.9.orig.tar.xz\n\n`,
      `<data type="primary"><checksum type="sha256">${"a".repeat(64)}</checksum><location href="repodata/p.xml.gz"/></data>`,
      `<package type="rpm"><name>kernel-core</name><version epoch="0" ver="6.12" rel="1.fc41"/><checksum type="sha256" pkgid="YES">${"b".repeat(64)}</checksum><location href="k.rpm"/></package>`,
      "C:Q1aaaaaaaaaaaaaaaaaaaaaaaaaaa=\nP:linux-lts\nV:6.6.1-r0\nA:x86_64\nS:1\n\n",
      "%NAME%\nlinux\n\n%VERSION%\n6.12.1-1\n\n%FILENAME%\nlinux-6.12.1-1-x86_64.pkg.tar.zst\n",
      `${"c".repeat(64)}  linux-6.6.58.tar.xz\n`,
    ],
  },
  archive: {
    about: "packed runs, gzip members of an apk, signatures of minisign",
    run: (bytes) => {
      unpackQuietly(bytes);
      membersQuietly(bytes);
      verifyQuietly(bytes);
    },
    closesLater: true,
    seeds: [
      Buffer.from("1f8b0800000000000003030000000000000000001f8b080000000000000303000000000000000000", "hex"),
      "untrusted comment: x\nRUQAAAAAAAAAAAAA\ntrusted comment: y\nAAAA\n",
    ],
  },
  elf: {
    about: "ELF files, and what readelf says of them",
    run: (bytes) => {
      readElfTables(bytes);
      const text = bytes.toString();
      parseTls(text);
      parseLinkedAgainst(text);
    },
    seeds: [
      elf,
      "  TLS            0x0000000000002df0 0x0000000000003df0 0x0000000000003df0\n                 0x0000000000000000 0x0000000000001098  R      0x8\n 0x000000000000001e (FLAGS)              STATIC_TLS\n",
      "Version needs section '.gnu.version_r' contains 1 entry:\n  000000: Version: 1  File: libc.so.6  Cnt: 1\n  0x0010:   Name: GLIBC_2.34  Flags: none  Version: 2\n",
    ],
  },
  seccomp: {
    about: "seccomp profiles and what strace prints",
    run: (bytes) => {
      const text = bytes.toString();
      parseTrace(text);
      parseSeccomp(text, "fuzzed.json");
    },
    seeds: [
      '{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"syscalls":[{"names":["clone3"],"action":"SCMP_ACT_ERRNO","errnoRet":38,"args":[{"index":0,"value":2114060288,"op":"SCMP_CMP_MASKED_EQ"}]}]}',
      "[pid 12] clone3({flags=CLONE_VM}, 88) = -1 EPERM (Operation not permitted)\n12 --- SIGSYS {si_signo=SIGSYS} ---\n12 +++ killed by SIGSYS +++\n",
    ],
  },
  "ledger-log": {
    about: "logs of a bisection, timelines of a run",
    run: (bytes) => {
      const text = bytes.toString();
      parseTimeline(text);
      readBisectLog(text);
    },
    seeds: [
      '{"bisect":{"repro":"r","range":"a..b","confidence":0.9,"candidates":[{"name":"a","detail":"","cell":"x","parents":[]},{"name":"b","detail":"","cell":"y","parents":[0]}]}}\n{"candidate":"a","outcome":"clean"}\n{"candidate":"b","skipped":"does not build"}\n',
      '{"t":1,"type":"stall","pid":61,"quietFor":14000}\n',
    ],
  },
  symbols: {
    about:
      "System.map, symbols and places of addresses, registers of QEMU, configurations, the registry's challenge",
    run: (bytes) => {
      const text = bytes.toString();
      parseSystemMap(text);
      parseSymbols(text, new Set(["do_exit"]));
      parsePlaces(text);
      parseRegisters(text);
      parseModuleList(text);
      parseChallenge(text);
      parseFragment(text);
    },
    namesPaths: true,
    seeds: [
      "ffffffff81000000 T _text\nffffffff81001000 t do_exit\nffffffff82000000 T _etext\n",
      "do_exit T ffffffff81001000 0000000000000100\n",
      "0xffffffff81001000\ndo_exit\n/src/kernel/exit.c:800\n",
      "CPU#0\nRAX=0000000000000000 RSP=ffffc90000013e90\nRIP=ffffffff81a2b3c4 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\n",
      'Bearer realm="https://auth.example.org/token",service="registry",scope="repository:x:pull"',
      "# optional: newer\nCONFIG_A=y\n# CONFIG_B is not set\n",
    ],
  },
};

const publicKey = Buffer.concat([Buffer.from("Ed"), Buffer.alloc(8), Buffer.alloc(32, 9)]).toString("base64");

function unpackQuietly(bytes: Buffer): void {
  allow(() => unpack(bytes, "fuzzed.tgz"));
}

/** It says that it throws an Error for what is no gzip file. */
function membersQuietly(bytes: Buffer): void {
  try {
    gzipMembers(bytes, 2);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError) throw error;
  }
}

function verifyQuietly(bytes: Buffer): void {
  allow(() => verifyBytes(Buffer.from("x"), bytes.toString(), publicKey));
}

/** Run it; a sentence for people is no find. */
export function allow(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof Error && "exitCode" in error)) throw error;
  }
}
