# shellcheck shell=bash
# The lab of the guest (tests/vm/lab.sh) on this host, to be sourced by a bash script that runs as root, before anything else. The script
# is executed once more in name spaces of its own (net, mount, pid), as their first process, below a root of its own: this host's
# files, over them the staged gretel and the cache's programs, /run and /lab empty, /etc so that what is written there
# is gone afterwards. Then the lab works as in the guest. Nothing of the host changes; when the script ends, however it ends, all that
# runs in the lab ends with it.
#
#     . "$(dirname "$0")/lab-host.sh"      GRETEL_STAGE (build/stage): what `make install DESTDIR=` has filled (scripts/dev-stage)
#     lab_programs PROGRAM...              leaves with 77 when one is neither here nor in the cache (scripts/fetch-lab)

LAB_TOP=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
GRETEL_STAGE=${GRETEL_STAGE:-$LAB_TOP/build/stage}
LAB_CACHE=${GRETEL_CACHE:-/var/cache/gretel-lab}
if [ -e "$LAB_CACHE/stamp" ]; then LAB_CACHE=$LAB_CACHE/root; else LAB_CACHE=$LAB_CACHE/native/root; fi

# A new root, made on the mount point of /sys, which has to be mounted anew for the network name space in any case: so no directory is
# made anywhere.
_lab_root() {
	local new=/sys d lower
	mount -t tmpfs -o mode=755 tmpfs $new || return
	for d in /*; do
		if [ -L "$d" ]; then
			cp -a "$d" "$new$d"
		elif [ -d "$d" ]; then
			mkdir "$new$d"
			case $d in
			/sys | /proc | /run | /lab) ;;
			*) mount --rbind "$d" "$new$d" || return ;;
			esac
		fi
	done
	mkdir -p $new/.rw/etc $new/.rw/work $new/lab
	mount -t proc proc $new/proc && mount -t tmpfs -o mode=755 tmpfs $new/run && mkdir $new/run/lock || return
	lower=$GRETEL_STAGE/usr
	[ ! -d "$LAB_CACHE/usr" ] || lower=$lower:$LAB_CACHE/usr
	mount -t overlay -o "lowerdir=$lower:/usr" overlay $new/usr || return
	lower=$GRETEL_STAGE/etc
	[ ! -d "$LAB_CACHE/etc" ] || lower=$lower:$LAB_CACHE/etc
	mount -t overlay -o "lowerdir=$lower:/etc,upperdir=$new/.rw/etc,workdir=$new/.rw/work,index=off" overlay $new/etc || return
	mkdir $new/.old && cd $new && pivot_root . .old || return
	mount -t sysfs sys /sys && umount -l /.old && rmdir /.old && cd /
}

lab_programs() {
	local p
	for p; do
		command -v "$p" >/dev/null || { echo "no $p here: scripts/fetch-lab"; exit 77; }
	done
}

if [ -z "${LAB_ON_HOST:-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
	[ -x "$GRETEL_STAGE/usr/sbin/greteld" ] || { echo "no greteld in $GRETEL_STAGE: scripts/dev-stage"; exit 77; }
	unshare --net --mount true 2>/dev/null || { echo "cannot make name spaces here"; exit 77; }
	export LAB_ON_HOST=1 GRETEL_STAGE
	exec unshare --net --mount --pid --fork --kill-child --propagation private "$(readlink -f "$0")" "$@"
fi
# The first process of a pid name space is not ended by signals that it has not asked for.
trap 'exit 130' INT
trap 'exit 143' TERM HUP
_lab_root || { echo "cannot make a root of its own"; exit 77; }
ip link set lo up
