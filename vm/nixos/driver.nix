# The report's machine in nixpkgs' own test driver, for those who have their tests there:
# https://nixos.org/manual/nixos/stable/#sec-nixos-tests. The driver waits for no command longer than it is told, and
# cannot tell a hung process from a slow one; what it gives is a machine that boots, and a place to type in.
{ system, pin }:
pin.source.legacyPackages.${system}.testers.runNixOSTest {
  name = "dstate-${pin.name}";
  nodes.machine = {
    imports = [ ./elsewhere.nix ];
    dstate.kernel.pin = removeAttrs pin [ "source" ];
    virtualisation.cores = 2;
    virtualisation.memorySize = 2048;
  };
  testScript = ''
    machine.wait_for_unit("multi-user.target")
    assert machine.succeed("uname -r").strip() == "${pin.version}", machine.succeed("uname -a")
    assert machine.succeed("cat /proc/sys/kernel/hung_task_timeout_secs").strip() == "10"
    print(machine.succeed("node -p process.versions.uv"))
  '';
}
