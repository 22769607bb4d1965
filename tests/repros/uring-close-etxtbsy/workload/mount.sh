# Make an empty folder of a kind of file system, and print where it is.
# usage: sh mount.sh overlay|tmpfs
set -eu
base=$(mktemp -d /run/etxtbsy-XXXXXX)
mount -t tmpfs -o mode=755 tmpfs "$base"
mkdir "$base/lower" "$base/upper" "$base/work" "$base/here"
if [ "$1" = overlay ]; then
  mount -t overlay overlay -o "lowerdir=$base/lower,upperdir=$base/upper,workdir=$base/work" "$base/here"
fi
echo "$base/here"
