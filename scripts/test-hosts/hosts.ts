/** A system that users have. */
export interface Host {
  readonly id: string;
  readonly title: string;
  /** Of the Debian archive. */
  readonly suite: string;
  /**
   * How its users come by Node and npm. `own`: apt-get install nodejs npm. `official`: the build of nodejs.org in
   * /usr/local, for the system's own is older than dstate asks for.
   */
  readonly node: "own" | "official";
  /** Whether its /tmp is in memory, as systemd makes it unless a distribution says otherwise. */
  readonly memoryTmp: boolean;
}

/** @see https://www.debian.org/releases/trixie/release-notes/issues.html (/tmp is a tmpfs since Debian 13) */
export const hosts: readonly Host[] = [
  { id: "debian-12", title: "Debian 12", suite: "bookworm", node: "official", memoryTmp: false },
  { id: "debian-13", title: "Debian 13", suite: "trixie", node: "own", memoryTmp: true },
  { id: "sid", title: "Debian sid", suite: "sid", node: "own", memoryTmp: true },
];

/** Who runs dstate there: the ordinary user has neither root nor sudo, and a line in /etc/subuid as useradd makes it. */
export const users = ["root", "ordinary"] as const;
export type User = (typeof users)[number];

/** The ordinary user of each root: the ids are those of a system's first user. */
export const ordinary = { name: "tester", id: 1000 } as const;

/** What is done there, each in an order that suits one fresh system. */
export const jobs = {
  start: "`npm start` in a clone, on a system where nothing is set up",
  package: "`npm install` of the packed tarball in an empty folder, then `npx dstate check io-uring-dstate`",
  machines: "`npm test -- --project vm` in a clone: every test with a machine",
  all: "`npm test` in a clone: everything that the project calls its tests",
  boot: "one boot, one freeze and two restores of this checkout and this host's kernel, with the system's QEMU",
} as const;
export type Job = keyof typeof jobs;

export function isJob(text: string): text is Job {
  return Object.hasOwn(jobs, text);
}

export function isUser(text: string): text is User {
  return (users as readonly string[]).includes(text);
}
