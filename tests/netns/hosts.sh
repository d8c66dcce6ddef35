# For tests of greteld between name spaces of this host (t_dataplane.sh, t_nat.sh, t_roam.sh), which source it as root in a network, mount and pid
# name space of their own: hosts, daemons, checks, pings. $build: where gretel was built. KEEP=DIRECTORY keeps logs and files.
# shellcheck shell=sh
tmp=${KEEP:-$(mktemp -d)}
mkdir -p "$tmp"
daemon=$build/src/daemon/greteld
cli=$build/src/cli/gretel
as_if=
failed=0

check() { # WHAT COMMAND...
	what=$1
	shift
	if "$@" > "$tmp/out" 2>&1; then
		echo "ok      $what"
	else
		echo "NOT OK  $what"
		tail -n 5 "$tmp/out" | sed 's/^/        /'
		failed=1
	fi
}
soon() { # soon SECONDS COMMAND...
	end=$(($(date +%s) + $1))
	shift
	until "$@" > /dev/null 2>&1; do
		[ "$(date +%s)" -le "$end" ] || return 1
		sleep 0.05
	done
}
not() { ! "$@"; }

# A host is a network and a /run. Processes are seen by all, hence the names of the log files.
host() { # NAME
	unshare --net --mount sh -c "mount -t tmpfs none /run; mkdir /run/gretel; exec sleep 1000" &
	eval "$1=$!"
}
on() { # NAME COMMAND...
	eval "pid=\$$1"
	shift
	nsenter -t "$pid" -n -m "$@"
}
begin() { on "$1" $as_if "$daemon" -n -c "$tmp/$1/gretel.conf" >> "$tmp/$1.log" 2>&1 & }
say() { on "$1" "$cli" "$2" ${3:+"$3"} ${4:+"$4"}; }
of() { on "$1" cat /run/gretel/greteld.pid; }
role() { # NAME ROLE
	pgrep -P "$(of "$1")" -f "^greteld: $2" | head -n 1
}
# Echo requests to an address, each with its own number, and how many of them were not answered within a second.
cat > "$tmp/ping.py" <<'PY'
import os, select, socket, struct, sys, time
to, count, pause, size = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 56
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
ident, open_, at = os.getpid() & 0xffff, set(), time.monotonic()
def checksum(b):
    t = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    t = (t >> 16) + (t & 0xffff)
    return ~(t + (t >> 16)) & 0xffff
def hear(until):
    while open_ and (left := until - time.monotonic()) > 0 and select.select([s], [], [], left)[0]:
        b = s.recv(65535)
        if b[20] == 0 and struct.unpack("!H", b[24:26])[0] == ident:
            open_.discard(struct.unpack("!H", b[26:28])[0])
for i in range(count):
    b = struct.pack("!BBHHH", 8, 0, 0, ident, i) + bytes(size)
    b = b[:2] + struct.pack("!H", checksum(b)) + b[4:]
    open_.add(i)
    try:
        s.sendto(b, (to, 0))
    except OSError:
        pass
    at += pause
    hear(at)
    time.sleep(max(0, at - time.monotonic()))
hear(time.monotonic() + 1)
print(len(open_))
sys.exit(len(open_) > 0)
PY
ping_from() { # HOST ADDRESS [COUNT [PAUSE [SIZE]]]
	on "$1" python3 "$tmp/ping.py" "$2" "${3:-1}" "${4:-0.02}" ${5:+"$5"}
}
