# A kernel as dstate starts it: bzImage and, for one whose drivers are modules, an initrd that mounts the root
# disk of any guest. Its init and its list of modules are those of prebuilt Debian kernels.
{
  lib,
  pkgs,
  kernel,
  modulesTree,
}:
pkgs.runCommand "dstate-kernel-${kernel.version}"
  {
    nativeBuildInputs = [
      pkgs.cpio
      pkgs.gzip
      pkgs.kmod
      pkgs.xz
      pkgs.zstd
    ];
    version = kernel.modDirVersion;
    busybox = pkgs.pkgsStatic.busybox;
  }
  ''
    mkdir -p $out root/bin root/modules
    cp ${kernel}/bzImage $out/bzImage
    echo $version > $out/version
    sed -e 's/#.*//' -e '/^ *$/d' ${../debian/initramfs-modules} | while read -r name; do
      modprobe -d ${modulesTree} -S $version --show-depends $name 2>/dev/null || true
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' > paths
    if [ -s paths ]; then
      while read -r path; do
        name=$(basename $path)
        case $name in
          *.xz) xz -dc $path > root/modules/''${name%.xz}; name=''${name%.xz} ;;
          *.zst) zstd -qdc $path > root/modules/''${name%.zst}; name=''${name%.zst} ;;
          *) cp $path root/modules/$name ;;
        esac
        echo $name >> root/modules/order
      done < paths
      cp $busybox/bin/busybox root/bin/busybox
      cp ${../debian/initramfs-init} root/init
      chmod +x root/init
      (cd root && find . | sort | cpio --quiet -o -H newc -R 0:0 --reproducible | gzip -n) > $out/initrd
    fi
  ''
