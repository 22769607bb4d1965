import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type NixLab, openNixLab } from "../nix/eval.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

let lab: NixLab;
beforeAll(async () => {
  lab = await openNixLab();
});
afterAll(async () => await lab[Symbol.asyncDispose]());

const guests = ["guest", "linux-6_1_115", "linux-6_6_58"];

describe.each(guests)("the system %s keeps the guest contract:", (name) => {
  const value = async (option: string, apply?: string): Promise<unknown> =>
    await lab.eval(`nixosConfigurations.${name}.config.${option}`, apply);

  test("the console is ttyS0, and no login prompt talks on it", async () => {
    expect(await value("boot.kernelParams")).toContain("console=ttyS0");
    expect(await value('systemd.services."serial-getty@ttyS0".enable')).toBe(false);
  });

  test("hung tasks are reported after ten seconds, and every sysrq key works whatever NixOS has for it", async () => {
    expect(await value("boot.kernel.sysctl")).toMatchObject({
      "kernel.hung_task_timeout_secs": 10,
      "kernel.hung_task_check_interval_secs": 5,
      "kernel.sysrq": 1,
      "kernel.panic": 0,
    });
  });

  test("sshd runs with the settings that Debian's has, and NixOS' own, which makes keys, does not", async () => {
    expect(await value('environment.etc."ssh/dstate_sshd_config".source', "builtins.readFile")).toBe(
      await readFile(join(home, "vm/debian/rootfs/etc/ssh/dstate_sshd_config"), "utf8"),
    );
    expect(await value("services.openssh.enable")).toBe(false);
    expect(await value("systemd.services.dstate-sshd")).toMatchObject({
      wantedBy: ["multi-user.target"],
      requires: ["dstate-guest.service"],
      serviceConfig: {
        ExecStart: expect.stringContaining("/bin/sshd -D -e -f /etc/ssh/dstate_sshd_config"),
        KillMode: "process",
      },
    });
  });

  test("root has no password and is not locked out, for then keys would not open it either", async () => {
    expect(await value("users.users.root.hashedPassword")).toBe("*");
  });

  test("the port is open, and nothing else sets the network up", async () => {
    expect(await value("networking.firewall.enable")).toBe(false);
    expect(await value("networking.useDHCP")).toBe(false);
    expect(await value("networking.usePredictableInterfaceNames")).toBe(false);
  });

  test("identity, keys and disks come at start from Debian's own scripts, at Debian's place", async () => {
    const rules = (await value("systemd.tmpfiles.rules")) as string[];
    const [, , , , , , scripts = ""] =
      rules.find((rule) => rule.includes("/usr/local/lib/dstate"))?.split(" ") ?? [];
    expect(rules).toContain("d /srv/work 0755 root root -");
    for (const script of ["guest-start", "agent", "disks"])
      expect(await readFile(join(scripts, script), "utf8")).toBe(
        await readFile(join(home, "vm/debian/rootfs/usr/local/lib/dstate", script), "utf8"),
      );
    expect(await value("systemd.services.dstate-guest.serviceConfig.ExecStart")).toBe(
      "/usr/local/lib/dstate/guest-start",
    );
    expect(await value("systemd.services.dstate-agent.serviceConfig.ExecStart")).toBe(
      "/usr/local/lib/dstate/agent",
    );
  });

  test("it needs no boot loader, no initrd and no partition: the image is one ext4 with /sbin/init", async () => {
    expect(await value("boot.initrd.enable")).toBe(false);
    expect(await value("boot.loader.grub.enable")).toBe(false);
    expect(await value('fileSystems."/"')).toMatchObject({ device: "/dev/vda", fsType: "ext4" });
    const drvs = await lab.derivations(
      `packages.x86_64-linux.${name === "guest" ? "image" : `image-${name}`}`,
    );
    expect(drvs.join("\n")).toContain("./files/sbin/init");
  });

  test("an official build of Node finds its loader", async () => {
    expect(await value("environment.ldso")).toMatch(/glibc-.*\/ld-linux-x86-64\.so\.2$/);
  });

  test("no key and no password reaches the store", async () => {
    const output = `packages.x86_64-linux.${name === "guest" ? "image" : `image-${name}`}`;
    expect(await secretsIn(lab, output)).toEqual([]);
  });
});

/** Whatever looks like a key or a password in what would be built. */
async function secretsIn(where: NixLab, output: string): Promise<string[]> {
  const text = (await where.derivations(output)).join("\n");
  expect(text).toContain("dstate-sshd");
  const patterns = [
    /ssh-(ed25519|rsa) \S+/g,
    /BEGIN [A-Z ]*PRIVATE KEY/g,
    /authorizedKeys[^,]*/g,
    /(?<=hashedPassword\\+":\\+")(?!\*\\)[^"]*/g,
    /(?:initialPassword|initialHashedPassword|"password|\\"password)[^,]*/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([found]) => found));
}

test("a key or a password in a module would be seen", async () => {
  const own = await openNixLab();
  onTestFinished(async () => await own[Symbol.asyncDispose]());
  await own.edit("vm/nixos/ssh.nix", (text) =>
    text.replace(
      'users.users.root.hashedPassword = "*";',
      'users.users.root.hashedPassword = "$y$j9T$x";\n  users.users.root.openssh.authorizedKeys = [ "ssh-ed25519 AAAA" ];',
    ),
  );
  const found = await secretsIn(own, "packages.x86_64-linux.image");
  expect(found.join("\n")).toContain("$y$j9T$x");
  expect(found.join("\n")).toContain("ssh-ed25519 AAAA");
});

test("an option that NixOS does not have is refused by the stand-in as by NixOS", async () => {
  const own = await openNixLab();
  onTestFinished(async () => await own[Symbol.asyncDispose]());
  await own.edit("vm/nixos/lean.nix", (text) => text.replace("nix.enable", "nix.enabled"));
  await expect(own.eval("packages.x86_64-linux.image.drvPath")).rejects.toThrow(
    "`nix.enabled' does not exist",
  );
});

test("the image for any kernel has no kernel of its own, that of a pin has the pin's", async () => {
  expect(await lab.eval("nixosConfigurations.guest.config.boot.kernel.enable")).toBe(false);
  expect(await lab.eval("nixosConfigurations.linux-6_6_58.config.boot.kernel.enable")).toBe(true);
});

describe("the runtime", () => {
  const guestWith = (settings: string): string =>
    `(import (flake + "/vm/nixos/guest.nix") { system = "x86_64-linux"; nixpkgs = { lib = (builtins.getFlake (toString (flake + "/../nixpkgs"))).lib // { nixosSystem = { modules }: (builtins.getFlake (toString (flake + "/../nixpkgs"))).lib.nixosSystem { modules = modules ++ [ { dstate.runtime = { ${settings} }; } ]; }; }; }; } null).config.dstate.runtime.package`;

  test("is nixpkgs' node with the libuv it was built with, unless another release is asked for", async () => {
    expect(await lab.expression(`(${guestWith("")}).libuv.version`)).toBe("1.48.0");
    expect(await lab.expression(`(${guestWith('libuv = "1.46.0";')}).libuv.version`)).toBe("1.46.0");
    expect(await lab.expression(`(${guestWith('libuv = "1.46.0";')}).script`)).toContain(
      "export LD_LIBRARY_PATH=",
    );
  });

  test("has only releases of libuv whose commit is recorded", async () => {
    await expect(lab.expression(`(${guestWith('libuv = "1.2.3";')}).libuv.version`)).rejects.toThrow(
      "vm/nixos/libuv.json has no libuv 1.2.3; it has 1.44.2",
    );
  });

  test("may be musl's, for the musl report", async () => {
    expect(await lab.expression(`(${guestWith('libc = "musl";')}).node.pname`)).toBe("nodejs-musl");
  });

  test("of the musl report has its two addons where the trial looks, compiled like its node", async () => {
    const config = "nixosConfigurations.musl.config";
    const runtime = await lab.eval(`${config}.dstate.runtime.package`, "package: package.node.pname");
    expect(runtime).toBe("nodejs-musl");
    const addons = `${config}.environment.etc."dstate/addons".source`;
    expect(await lab.eval(addons, "addons: addons.name")).toBe("dstate-musl-addons");
    const build = String(await lab.eval(addons, "addons: addons.buildPhase"));
    expect(build).toMatch(/-I\S+nodejs-musl-[\d.]+\/include\/node/);
    // As on Debian: see prepare.ts of the repro.
    expect(build).toContain("$CC $flags -DWATCHER -o watcher.node addons.c watcher.c -ldl");
    const trial = await readFile(join(home, "tests/repros/musl-membarrier-eintr/trial.ts"), "utf8");
    expect(trial).toContain('"/etc/dstate/addons"');
  });

  test("prefers the Node that dstate brings on a disk", async () => {
    const script = String(await lab.expression(`(${guestWith("")}).script`));
    expect(script.indexOf("exec /opt/node/bin/node")).toBeLessThan(script.indexOf('/bin/node "$@"\nEND'));
    expect(script).toContain("exec /opt/node/bin/node /opt/node/lib/node_modules/npm/bin/npm-cli.js");
  });
});

describe("the machine of the report", () => {
  const value = async (option: string, apply?: string): Promise<unknown> =>
    await lab.eval(`nixosConfigurations.report.config.${option}`, apply);

  test("is what its author had: Linux 6.6.58, two processors, no disk, root logged in", async () => {
    expect(await value("boot.kernelPackages.kernel.version")).toBe("6.6.58");
    expect(await value("virtualisation")).toEqual({ cores: 2, diskImage: null, memorySize: 2048 });
    expect(await value("services.getty.autologinUser")).toBe("root");
  });

  test("runs node 20 with the shared libuv of its nixpkgs and io_uring on", async () => {
    expect(await value("dstate.runtime.package.node.version")).toMatch(/^20\./);
    expect(await value("dstate.runtime.package.libuv.version")).toBe("1.48.0");
    expect(await value("environment.variables.UV_USE_IO_URING")).toBe("1");
  });

  test("opens the view on the console, once: npm ci on top, ps, and a kill -9 that is typed and not run", async () => {
    expect(await value("programs.bash.loginShellInit")).toContain("dstate-view");
    const drvs = await lab.derivations("nixosConfigurations.report.config.system.build.toplevel");
    const text = drvs.join("\n");
    expect(text).toContain("rm -rf node_modules; npm ci");
    expect(text).toMatch(/view\.sh/);
  });
});
