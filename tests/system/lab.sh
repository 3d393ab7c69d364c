# shellcheck shell=sh
# SPDX-License-Identifier: GPL-3.0-or-later
# lab.sh - a home, its provider and a victim, in network namespaces; for the demo and for the system tests. No real root is needed.
#
#   bad  192.168.1.66 ─┐                    100.64.8.0/24                  203.0.113.0/24
#                      ├─ br-lan  router  wan ──────── acc0  provider  up0 ──────────── victim 203.0.113.9
#   good 192.168.1.10 ─┘   masquerade random            CGN: 198.51.100.5
#
# Every mapping of both NATs picks a random port, because a NAT that keeps ports hides mistakes in address mapping. IPv6 is routed without NAT:
# 2001:db8:123::/64 at home (bad ::66, good ::10), 2001:db8:64::/64 on the access line (provider ::1, router ::21), victim 2001:db8:c000::9.
#
# Use:  . "$top_srcdir/tests/system/lab.sh"; lab_enter "$0" "$@"; lab_up; at bad COMMAND…
# $LAB is a directory (tmpfs) that vanishes with the lab.
LAB=/run/lab
LAB_HOSTS='bad good router provider victim'

# The flags of unshare that work for this user, on stdout; 1 when no namespaces can be made here.
lab_flags() {
	# In a chroot, or where user namespaces are switched off, root goes on without a user namespace of its own.
	for lab_try in "${LAB_UNSHARE:--rnm}" -nm; do
		unshare "$lab_try" -- mount -t tmpfs lab /run 2>/dev/null || continue
		echo "$lab_try"
		return 0
	done
	return 1
}

# lab_enter SCRIPT [ARGUMENT…]: starts SCRIPT again inside new namespaces; inside them it arms the clean-up and returns. 1: not possible here.
lab_enter() {
	if [ -z "${LAB_IN:-}" ]; then
		lab_flag=$(lab_flags) || return 1
		LAB_IN=1
		export LAB_IN
		exec unshare "$lab_flag" -- /bin/sh "$@"
	fi
	# Not for what is started from here: it may want a lab of its own.
	unset LAB_IN
	lab_mine=$(readlink "/proc/$$/ns/mnt")
	trap lab_down EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mount -t tmpfs lab /run && mkdir -p /run/netns $LAB && chmod 755 $LAB
}

# Ends everything that lives in the lab's own mount namespace or in one of its networks, and nothing else: one leftover child would keep all namespaces alive.
lab_down() {
	lab_nets=' '
	for lab_name in $LAB_HOSTS; do
		[ ! -e "/run/netns/$lab_name" ] || lab_nets="${lab_nets}net:[$(stat -L -c %i "/run/netns/$lab_name")] "
	done
	for lab_pid in /proc/[0-9]*; do
		lab_pid=${lab_pid#/proc/}
		[ "$lab_pid" != $$ ] || continue
		lab_net=$(readlink "/proc/$lab_pid/ns/net" 2>/dev/null) || continue
		case $lab_nets in
		*" $lab_net "*) ;;
		*) [ "$(readlink "/proc/$lab_pid/ns/mnt" 2>/dev/null)" = "$lab_mine" ] || continue ;;
		esac
		kill -KILL "$lab_pid" 2>/dev/null || :
	done
	lab_keep
}

# Below $LAB_KEEP, the lines that the programs have written stay for tests/system/schema.sh.
lab_keep() {
	[ -n "${LAB_KEEP:-}" ] && mkdir -p "$LAB_KEEP" || return 0
	lab_kept=$LAB_KEEP/${0##*/}
	rm -f "$lab_kept".*.lines
	for lab_file in client.out serverd.out provider.map router.map router.status out; do
		[ ! -s "$LAB/$lab_file" ] || cp "$LAB/$lab_file" "$lab_kept.$lab_file.lines"
	done
}

# at HOST COMMAND…: runs it there. Not `ip netns exec`: that remounts /sys, which fails where it is masked.
at() {
	lab_host=$1
	shift
	nsenter --net="/run/netns/$lab_host" -- "$@"
}

# lab_ip HOST LINE…: lines for `ip -batch`.
lab_ip() {
	lab_host=$1
	shift
	printf '%s\n' "$@" | nsenter --net="/run/netns/$lab_host" -- ip -batch -
}

# Sysctls are per namespace. Without accept_dad=0 before the links exist the first answer over IPv6 takes two seconds.
lab_sysctl() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	at "$1" sh -c 'cd /proc/sys/net
		for c in all default; do echo 0 >ipv6/conf/$c/accept_dad; echo 0 >ipv6/conf/$c/accept_ra; done
		[ $1 = 0 ] || { echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding; }' sh "$2"
}

lab_hosts() {
	for lab_name in $LAB_HOSTS; do
		ip netns add "$lab_name" || return 1
		case $lab_name in router | provider) lab_sysctl "$lab_name" 1 ;; *) lab_sysctl "$lab_name" 0 ;; esac || return 1
	done
}

lab_links() {
	lab_ip router 'link set lo up' 'link add br-lan type bridge' \
		'link add lan-bad type veth peer name eth0 netns bad' 'link add lan-good type veth peer name eth0 netns good' \
		'link add wan type veth peer name acc0 netns provider' \
		'link set lan-bad master br-lan up' 'link set lan-good master br-lan up' 'link set br-lan up' 'link set wan up' \
		'address add 192.168.1.1/24 dev br-lan' 'address add 2001:db8:123::1/64 dev br-lan' \
		'address add 100.64.8.21/24 dev wan' 'address add 2001:db8:64::21/64 dev wan' || return 1
	lab_ip bad 'link set lo up' 'link set eth0 up' 'address add 192.168.1.66/24 dev eth0' 'address add 2001:db8:123::66/64 dev eth0' \
		'route add default via 192.168.1.1' 'route add default via 2001:db8:123::1' || return 1
	lab_ip good 'link set lo up' 'link set eth0 up' 'address add 192.168.1.10/24 dev eth0' 'address add 2001:db8:123::10/64 dev eth0' \
		'route add default via 192.168.1.1' 'route add default via 2001:db8:123::1' || return 1
	lab_ip provider 'link set lo up' 'link set acc0 up' 'link add up0 type veth peer name eth0 netns victim' 'link set up0 up' \
		'address add 100.64.8.1/24 dev acc0' 'address add 2001:db8:64::1/64 dev acc0' \
		'address add 203.0.113.1/24 dev up0' 'address add 2001:db8:c000::1/64 dev up0' \
		'address add 198.51.100.5/32 dev lo' 'route add 2001:db8:123::/64 via 2001:db8:64::21' || return 1
	lab_ip victim 'link set lo up' 'link set eth0 up' 'address add 203.0.113.9/24 dev eth0' 'address add 2001:db8:c000::9/64 dev eth0' \
		'route add default via 203.0.113.1' 'route add default via 2001:db8:c000::1' || return 1
	lab_ip router 'route add default via 100.64.8.1' 'route add default via 2001:db8:64::1'
}

lab_nat() {
	at router nft -f - <<-'NFT' || return 1
		table ip nat {
			chain post {
				type nat hook postrouting priority srcnat;
				oifname "wan" masquerade random
			}
		}
	NFT
	at provider nft -f - <<-'NFT'
		table ip nat {
			chain post {
				type nat hook postrouting priority srcnat;
				oifname "up0" meta l4proto { tcp, udp } snat to 198.51.100.5:20000-59999 fully-random
				oifname "up0" snat to 198.51.100.5
			}
		}
	NFT
}

lab_up() {
	lab_hosts && lab_links && lab_nat
}

# lab_narrow RATE: the access line becomes a bottleneck ("10mbit"), so that a flood does harm.
lab_narrow() {
	at router tc qdisc add dev wan root tbf rate "$1" burst 16kb latency 20ms
}

# lab_wait SECONDS COMMAND…: until the command succeeds; 1 when the time is up. For what nothing announces otherwise.
lab_wait() {
	lab_tries=$(($1 * 50))
	shift
	until "$@"; do
		[ "$lab_tries" -gt 0 ] || return 1
		lab_tries=$((lab_tries - 1))
		sleep 0.02
	done
}

# lab_line SECONDS FILE PATTERN: until FILE has a line that matches the extended regular expression.
lab_line() {
	lab_wait "$1" grep -Eqs -- "$3" "$2"
}
