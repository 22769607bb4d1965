# The two addons of the musl report, compiled for musl like the node that loads them. The command lines are those of
# tests/repros/musl-membarrier-eintr/prepare.ts.
{ set, headers }:
set.stdenv.mkDerivation {
  name = "dstate-musl-addons";
  src = ../../tests/repros/musl-membarrier-eintr/workload;
  dontConfigure = true;
  buildPhase = ''
    flags="-O1 -g -Wall -Wextra -Werror -pthread -shared -fPIC -I${headers}"
    $CC $flags -DWATCHER -o watcher.node addons.c watcher.c -ldl
    $CC $flags -o interrupt.node addons.c -ldl
  '';
  installPhase = ''
    mkdir -p $out
    cp watcher.node interrupt.node $out/
  '';
}
