# The options of NixOS that dstate sets or reads, with the types they have there.
{ lib, pkgs }:
let
  inherit (lib) mkOption types;
  inherit (types)
    anything
    attrsOf
    bool
    fields
    int
    lines
    listOf
    nullOr
    package
    path
    raw
    str
    ;
  option = type: mkOption { inherit type; };
  optional = type: default: mkOption { inherit type default; };
  service = fields {
    enable = bool;
    description = str;
    wantedBy = listOf str;
    requires = listOf str;
    after = listOf str;
    before = listOf str;
    conflicts = listOf str;
    unitConfig = attrsOf anything;
    serviceConfig = attrsOf anything;
    environment = attrsOf (nullOr str);
    path = listOf raw;
    preStart = lines;
    script = lines;
  };
in
{
  boot.bootspec.enable = optional bool true;
  boot.consoleLogLevel = optional int 4;
  boot.initrd.enable = optional bool true;
  boot.kernel.enable = optional bool true;
  boot.kernel.sysctl = optional (attrsOf anything) { };
  boot.kernelPackages = optional raw pkgs.linuxPackages_6_12;
  boot.kernelParams = optional (listOf str) [ ];
  boot.loader.grub.enable = optional bool true;
  boot.modprobeConfig.enable = optional bool true;
  documentation.enable = optional bool true;
  environment.ldso = optional (nullOr path) null;
  environment.etc = optional (attrsOf (fields {
    source = path;
    text = nullOr lines;
    mode = str;
  })) { };
  environment.systemPackages = optional (listOf package) [ ];
  environment.variables = optional (attrsOf str) { };
  fileSystems = optional (attrsOf (fields {
    device = nullOr str;
    fsType = str;
    noCheck = bool;
    options = listOf str;
  })) { };
  networking.firewall.enable = optional bool true;
  networking.hostName = optional str "nixos";
  networking.nameservers = optional (listOf str) [ ];
  networking.resolvconf.enable = optional bool true;
  networking.useDHCP = optional bool true;
  networking.usePredictableInterfaceNames = optional bool true;
  nix.enable = optional bool true;
  nixpkgs.hostPlatform = option raw;
  programs.bash.loginShellInit = optional lines "";
  programs.tmux.enable = optional bool false;
  security.enableWrappers = optional bool true;
  services.getty.autologinUser = optional (nullOr str) null;
  services.journald.extraConfig = optional lines "";
  services.logrotate.enable = optional bool true;
  services.openssh.enable = optional bool false;
  services.timesyncd.enable = optional bool true;
  system.build = optional (attrsOf raw) { };
  system.modulesTree = mkOption {
    type = listOf path;
    default = [ ];
    apply = list: pkgs.runCommand "kernel-modules" { } "";
  };
  system.nixos.label = optional str "25.11.stand-in";
  system.nixos.release = optional str "25.11";
  system.stateVersion = option str;
  systemd.services = optional (attrsOf service) { };
  systemd.units = optional (attrsOf (fields { enable = bool; })) { };
  systemd.tmpfiles.rules = optional (listOf str) [ ];
  users.groups = optional (attrsOf (fields { gid = int; })) { };
  users.users = optional (attrsOf (fields {
    description = str;
    group = str;
    hashedPassword = nullOr str;
    initialHashedPassword = nullOr str;
    isSystemUser = bool;
    openssh = attrsOf anything;
    password = nullOr str;
  })) { };
  warnings = optional (listOf str) [ ];
}
