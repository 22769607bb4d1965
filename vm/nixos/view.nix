# The reporter's screen: root is logged in, `npm ci` loops on top, `ps` watches it in the middle, and a
# prepared `kill -9` waits at the bottom. The script is the one that `dstate shell --view` uses.
{ lib, pkgs, ... }:
let
  project = ../../tests/repros/io-uring-dstate/workload/npm-ci;
  view = pkgs.writeShellScriptBin "dstate-view" ''
    PATH=${lib.makeBinPath [ pkgs.procps pkgs.tmux ]}:$PATH
    mkdir -p /srv/work/npm-ci
    cp -f ${project}/package.json ${project}/package-lock.json /srv/work/npm-ci/
    exec ${pkgs.runtimeShell} ${../view/view.sh} /srv/work/npm-ci "npm ci" "rm -rf node_modules; npm ci"
  '';
in
{
  services.getty.autologinUser = "root";
  programs.tmux.enable = true;
  environment.systemPackages = [ view ];
  # On the reporter's console and once: another login, or a shell inside tmux, is a plain shell. A serial line does not
  # know how large the terminal at its other end is: it is asked.
  programs.bash.loginShellInit = ''
    case "$(tty)" in
      /dev/ttyS0)
        eval "$(${pkgs.busybox}/bin/resize)"
        ;;&
      /dev/tty1 | /dev/ttyS0)
        if [ ! -e /run/dstate-view ]; then
          touch /run/dstate-view
          dstate-view
        fi
        ;;
    esac
  '';
}
