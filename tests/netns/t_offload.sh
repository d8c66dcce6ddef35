#!/bin/sh
# The offloads of esp/ beside the kernel's own, between two TUN devices in a network name space of its own, as root.
#
#     tests/netns/t_offload.sh BUILD_DIRECTORY
set -u
build=${1:-.}
[ "$(id -u)" = 0 ] || { echo "t_offload: needs root"; exit 77; }
[ -c /dev/net/tun ] || { echo "t_offload: there is no /dev/net/tun"; exit 77; }
exec unshare --net "$(realpath "$build")/tests/netns/tun_offload"
