# A kernel that breaks says so within seconds, and stands still so that evidence can be had. The host gives
# the same on the kernel's command line (src/repro/vm.ts); NixOS' own defaults must not undo it.
{ lib, ... }:
{
  boot.kernel.sysctl = lib.mapAttrs (name: lib.mkForce) {
    "kernel.hung_task_timeout_secs" = 10;
    "kernel.hung_task_check_interval_secs" = 5;
    "kernel.hung_task_warnings" = 40;
    "kernel.sysrq" = 1;
    "kernel.panic" = 0;
  };
}
