import { lstat, mkdir, mkdtemp, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { command } from "../../src/base/command.ts";
import { type NixLab, openNixLab } from "../nix/eval.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));

let lab: NixLab;
beforeAll(async () => {
  lab = await openNixLab();
});
afterAll(async () => await lab[Symbol.asyncDispose]());

/** A service as NixOS has it after merging. */
interface Unit {
  readonly after?: readonly string[];
  readonly unitConfig?: Readonly<Record<string, unknown>>;
  readonly serviceConfig?: Readonly<Record<string, unknown>>;
}

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

  test("identity, keys and disks come at start from Debian's own scripts, before the rest of the system", async () => {
    const { after = [], unitConfig, serviceConfig } = (await value("systemd.services.dstate-guest")) as Unit;
    expect(after).toEqual([]);
    expect(unitConfig).toMatchObject({ DefaultDependencies: false });
    // The journal would be waited for.
    expect(serviceConfig).toMatchObject({ StandardOutput: "tty", TTYPath: "/dev/console" });
    expect(await value("systemd.services.dstate-guest.serviceConfig.ExecStart")).toBe(
      "/usr/local/lib/dstate/guest-start",
    );
    expect(await value("systemd.services.dstate-agent.serviceConfig.ExecStart")).toBe(
      "/usr/local/lib/dstate/agent",
    );
    // However often the host lets go of the port.
    expect(await value("systemd.services.dstate-agent.unitConfig")).toMatchObject({
      StartLimitIntervalSec: 0,
    });
  });

  test("no login of NixOS' own takes a console, and no service writes /etc/resolv.conf", async () => {
    expect(await value("system.build.toplevel.environment.consoles")).toEqual([]);
    expect(await value("networking.resolvconf.enable")).toBe(false);
    expect(await value('environment.etc."resolv.conf".text')).toBe("nameserver 10.0.2.3\n");
  });

  test("NixOS warns of nothing", async () => {
    expect(await value("warnings")).toEqual([]);
  });

  test("the root has every folder that a kernel or an initrd mounts something on, and Debian's scripts", async () => {
    const dir = await mkdtemp(join(tmpdir(), "dstate-root-"));
    onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
    const script = String(await value("system.build.dstateRoot.populateImageCommands"));
    await mkdir(join(dir, "files"));
    await command(["sh", "-eu", "-c", script], { within: "10s", cwd: dir });
    for (const folder of ["dev", "proc", "sys", "run", "tmp", "etc", "root", "opt/node", "srv/work"])
      expect((await lstat(join(dir, "files", folder))).isDirectory(), folder).toBe(true);
    expect(await readlink(join(dir, "files/sbin/init"))).toMatch(/-nixos-system-dstate\/init$/);
    const scripts = await readlink(join(dir, "files/usr/local/lib/dstate"));
    // A command comes before systemd-tmpfiles would make it.
    expect(await readlink(join(dir, "files/lib64/ld-linux-x86-64.so.2"))).toMatch(/-glibc-.*\/ld-linux/);
    expect(await readlink(join(dir, "files/lib/ld-musl-x86_64.so.1"))).toContain("/ld-musl-x86_64.so.1");
    // Whatever is linked to is in the image: make-ext4-fs takes only what it is told.
    const paths = (await value("system.build.dstateRoot.storePaths", "map toString")) as string[];
    expect(paths.some((path) => scripts.startsWith(`${path}/`))).toBe(true);
    const files = (await lab.derivations(`nixosConfigurations.${name}.config.system.build.dstateRoot`)).join(
      "\n",
    );
    const [, source = ""] = /cp -r (\S+) \$out\/dstate/.exec(files) ?? [];
    for (const script of ["guest-start", "agent", "disks"])
      expect(await readFile(join(source, script), "utf8")).toBe(
        await readFile(join(home, "vm/debian/rootfs/usr/local/lib/dstate", script), "utf8"),
      );
  });

  test("the image can be mounted by kernels before 5.15, whatever nixpkgs' mke2fs has on", async () => {
    const dir = await mkdtemp(join(tmpdir(), "dstate-image-"));
    onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
    const tight = join(dir, "tight.ext4");
    const features = ["-O", "orphan_file,metadata_csum_seed"];
    await command(["mke2fs", "-q", "-t", "ext4", ...features, tight, "8M"], { within: "30s" });
    const root = String(await value("system.build.dstateRoot", "toString"));
    const script = String(await value("system.build.dstateImage.script")).replaceAll(root, tight);
    const out = join(dir, "out");
    await command(["sh", "-eu", "-c", script], { within: "60s", cwd: dir, env: { out } });
    const { stdout } = await command(["dumpe2fs", "-h", join(out, "root.ext4")], { within: "30s" });
    expect(stdout).toContain("Filesystem features:");
    expect(stdout).not.toMatch(/orphan_file|metadata_csum_seed/);
    await command(["e2fsck", "-fn", join(out, "root.ext4")], { within: "60s" });
    expect((await lstat(join(out, "root.ext4"))).size).toBeGreaterThan(2 ** 30);
    expect(await readFile(join(out, "label"), "utf8")).toBe("25.11.stand-in\n");
    const runtime = JSON.parse(await readFile(join(out, "runtime.json"), "utf8"));
    expect(runtime).toEqual({ node: "22.20.0", libuv: "1.48.0" });
  });

  test("it needs no boot loader, no initrd and no partition: the image is one ext4 with /sbin/init", async () => {
    expect(await value("boot.initrd.enable")).toBe(false);
    expect(await value("boot.loader.grub.enable")).toBe(false);
    expect(await value('fileSystems."/"')).toMatchObject({ device: "/dev/vda", fsType: "ext4" });
    const drvs = await lab.derivations(
      `packages.x86_64-linux.${name === "guest" ? "image" : `image-${name}`}`,
    );
    // What NixOS links of an initrd that nobody makes: nothing.
    expect(drvs.join("\n")).not.toContain('("name","initrd")');
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
    /(?:initialPassword|initialHashedPassword|"password|\\"password)(?!\\":null)[^,]*/g,
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

test("the image for any kernel has no kernel of its own in all that it is made of, that of a pin has the pin's", async () => {
  const kernels = async (output: string): Promise<unknown> =>
    (await lab.derivations(`packages.x86_64-linux.${output}`)).flatMap(
      (text) => /\("name","(linux-\d[^"]*)"\)/.exec(text)?.[1] ?? [],
    );
  expect(await lab.eval("nixosConfigurations.guest.config.boot.kernel.enable")).toBe(false);
  expect(await kernels("image")).toEqual([]);
  expect(await lab.eval("nixosConfigurations.linux-6_6_58.config.boot.kernel.enable")).toBe(true);
  expect(await kernels("image-linux-6_6_58")).toEqual(["linux-6.6.58"]);
});

test("no activation of modprobe fails at each boot of a kernel that has no modules", async () => {
  const activation = "config.system.build.toplevel.environment.activation";
  expect(await lab.eval(`nixosConfigurations.guest.${activation}`)).toBe("");
  expect(await lab.eval(`nixosConfigurations.linux-6_6_58.${activation}`)).toContain("modprobe");
});

test("what costs a boot its time and helps no trial is off, as it is in Debian's guest", async () => {
  const guest = "nixosConfigurations.guest.config";
  const off =
    "set: builtins.filter (name: !((builtins.getAttr name set).enable or true)) (builtins.attrNames set)";
  const services = (await lab.eval(`${guest}.systemd.services`, off)) as string[];
  const units = (await lab.eval(`${guest}.systemd.units`, off)) as string[];
  const links = z
    .record(z.string(), z.string())
    .parse(JSON.parse(await readFile(join(home, "vm/debian/links.json"), "utf8")));
  const masked = Object.keys(links)
    .filter((path) => links[path] === "/dev/null")
    .map((path) => path.split("/").at(-1));
  // NixOS has some of the same, and some of its own.
  const names = [
    "audit",
    "network-local-commands",
    "network-setup",
    "systemd-rfkill",
    "systemd-vconsole-setup",
  ];
  const own = names.map((name) => `${name}.service`);
  const mine = [...services.map((name) => `${name}.service`), ...units].filter((name) => !/tty/.test(name));
  expect(mine.length).toBeGreaterThan(20);
  expect(mine.filter((name) => !masked.includes(name))).toEqual([...own, "sys-kernel-debug.mount"]);
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

  test("tells what starts a Node past its commands where libstdc++ is", async () => {
    const etc = "nixosConfigurations.guest.config.environment.etc";
    expect(await lab.eval(`${etc}."dstate/runtime/lib".source`)).toMatch(/-gcc-lib-14\/lib$/);
    expect(await lab.eval(`${etc}."dstate/runtime/node".source`)).toMatch(/-nodejs-[\d.]+\/bin\/node$/);
    expect(await lab.expression(`(${guestWith("")}).script`)).toContain(
      "export LD_LIBRARY_PATH=/etc/dstate/runtime/lib",
    );
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

  test("is what its author had: Linux 6.6.58, four processors, no disk, root logged in, and no window", async () => {
    expect(await value("boot.kernelPackages.kernel.version")).toBe("6.6.58");
    expect(await value("virtualisation")).toEqual({
      cores: 4,
      diskImage: null,
      graphics: false,
      memorySize: 2048,
    });
    expect(await value("services.getty.autologinUser")).toBe("root");
    const vm = (await lab.derivations("nixosConfigurations.report.config.system.build.vm")).join("\n");
    expect(vm).toContain("run-report-vm -nographic");
  });

  test("runs node 22 with the shared libuv of its nixpkgs, in which io_uring is on by itself", async () => {
    expect(await value("dstate.runtime.package.node.version")).toMatch(/^22\./);
    expect(await value("dstate.runtime.package.libuv.version")).toBe("1.48.0");
    expect(await value("environment.variables")).toEqual({});
  });

  test("opens the view on the console, once: npm ci on top, ps, and a kill -9 that is typed and not run", async () => {
    const login = String(await value("programs.bash.loginShellInit"));
    const started = async (tty: string): Promise<string> => {
      const dir = await mkdtemp(join(tmpdir(), "dstate-login-"));
      onTestFinished(async () => await rm(dir, { recursive: true, force: true }));
      // The script as bash reads it at a login, with the two programs that it starts saying so.
      const script = login
        .replaceAll("/run/", `${dir}/`)
        .replace(/\$\(\S+\/bin\/resize\)/, "$(echo echo resized)");
      const around = `tty() { echo ${tty}; }; dstate-view() { echo view; }\n`;
      return (await command(["bash", "-c", `${around}${script}\n${script}`], { within: "10s" })).stdout;
    };
    // A serial line's size is asked for, at each login; the view is opened once.
    expect(await started("/dev/ttyS0")).toBe("resized\nview\nresized\n");
    expect(await started("/dev/tty1")).toBe("view\n");
    expect(await started("/dev/pts/0")).toBe("");
    const drvs = await lab.derivations("nixosConfigurations.report.config.system.build.toplevel");
    const text = drvs.join("\n");
    expect(text).toContain("rm -rf node_modules; npm ci");
    expect(text).toMatch(/view\.sh/);
  });
});
