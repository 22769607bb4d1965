import { describe, expect, test } from "vitest";
import { explainNamespaces, type NamespaceFacts } from "../../src/setup/namespaces.ts";

const host: NamespaceFacts = {
  user: "tester",
  uid: 1000,
  failure: "E: something of mmdebstrap\nE: its last word",
  newuidmap: true,
  subuid: "other:100000:65536\ntester:165536:65536",
  subgid: "1000:165536:65536",
  switches: { most: "96365", clone: undefined, appArmor: undefined },
};

describe("an ordinary user's namespaces", () => {
  test("work when mmdebstrap entered one, whatever else is said", () => {
    expect(explainNamespaces({ ...host, failure: undefined, newuidmap: false }).works).toBe(true);
  });

  test.each<[string, Partial<NamespaceFacts>, string, string]>([
    ["newuidmap is missing", { newuidmap: false }, "newuidmap is not installed", "uidmap"],
    [
      "/etc/subuid has no line for the user",
      { subuid: "" },
      "/etc/subuid gives tester no 65536 ids",
      "usermod",
    ],
    ["the line gives too few", { subuid: "tester:100000:1000" }, "/etc/subuid gives tester", "usermod"],
    ["/etc/subgid has none", { subgid: "2000:1:65536" }, "/etc/subgid gives tester", "usermod"],
    [
      "the kernel allows none",
      { switches: { ...host.switches, most: "0" } },
      "max_user_namespaces is 0",
      "sysctl",
    ],
    ["Debian's switch is off", { switches: { ...host.switches, clone: "0" } }, "userns_clone is 0", "sysctl"],
    [
      "AppArmor restricts them",
      { switches: { ...host.switches, appArmor: "1" } },
      "AppArmor",
      "apparmor.d/mmdebstrap",
    ],
    ["nothing of that is it", {}, "its last word", "mmdebstrap --unshare-helper true"],
  ])("do not when %s, and what helps is said", (_what, change, because, next) => {
    const answer = explainNamespaces({ ...host, ...change });
    expect(answer.works).toBe(false);
    expect(answer.because).toContain(because);
    expect(answer.next).toContain(next);
  });
});
