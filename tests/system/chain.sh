# shellcheck shell=sh disable=SC2086,SC2034,SC2119,SC2120
# SPDX-License-Identifier: GPL-3.0-or-later
# chain.sh - the four programs in the lab: keys, configurations, start, and what tests and the demo ask of them. Needs lab.sh, inside a lab.
#
# The provider runs   lines ─▶ stamp ─▶ dotsch-map --follow ─▶ dotsch-client   and the router   dotsch-serverd --exec 'dotsch-map --conntrack | dotsch-block'.
# Everything they write stands in $LAB: client.out client.err serverd.out serverd.err, provider.map (lines resolved by the provider), router.map, router.status.
CHAIN_VICTIM=203.0.113.9
CHAIN_PORT=443
CHAIN_PSK=6b1c4f0a93d2587e6b1c4f0a93d2587e
CHAIN_PIPELINE="dotsch-map --conntrack | tee -a $LAB/router.map | dotsch-block | tee -a $LAB/router.status"

# chain_path BUILD: the programs of a build tree come first; an installed set is found by itself.
chain_path() {
	chain_demo=$1/contrib/demo
	PATH=$1/dotsch-client:$1/dotsch-serverd:$1/dotsch-map:$1/dotsch-block:$chain_demo:$PATH:/usr/sbin:/sbin:/usr/lib/dotsch/demo
	export PATH
	[ -z "${CHAIN_WRAP:-}" ] || chain_wrap
}

# With CHAIN_WRAP="valgrind …" each of the four runs under it; what it says is in $LAB/wrapped.PROGRAM.PID. It goes with no system call filter.
chain_wrap() {
	mkdir -p $LAB/wrap
	for chain_program in dotsch-client dotsch-serverd dotsch-map dotsch-block; do
		chain_real=$(command -v $chain_program) || return 1
		case $chain_real in /*) ;; *) chain_real=$(pwd)/$chain_real ;; esac
		chain_option=''
		[ $chain_program != dotsch-block ] || chain_option=--no-sandbox
		printf '#!/bin/sh\nexec %s --log-file=%s %s %s "$@"\n' "$CHAIN_WRAP" "$LAB/wrapped.$chain_program.%p" "$chain_real" "$chain_option" >$LAB/wrap/$chain_program
		chmod +x $LAB/wrap/$chain_program
	done
	PATH=$LAB/wrap:$PATH
}

# chain_field NAME [FILE…]: the values of a plain member, one a line.
chain_field() {
	chain_name=$1
	shift
	sed -n 's/.*"'"$chain_name"'":"\{0,1\}\([^",}]*\).*/\1/p' "$@"
}

# chain_certificate NAME LINE…: NAME.key and NAME.crt in $LAB, signed by the lab's own authority; the lines are certtool's.
chain_certificate() {
	chain_name=$1
	shift
	certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile "$LAB/$chain_name.key" 2>/dev/null
	printf '%s\n' "cn = \"$chain_name\"" "$@" >"$LAB/$chain_name.tmpl"
	case " $* " in *' activation_date '*) ;; *) echo 'expiration_days = 2' >>"$LAB/$chain_name.tmpl" ;; esac
	if [ "$chain_name" = ca ]; then
		certtool --generate-self-signed --load-privkey "$LAB/ca.key" --template "$LAB/ca.tmpl" --outfile "$LAB/ca.crt" 2>"$LAB/certtool.err"
	else
		certtool --generate-certificate --load-privkey "$LAB/$chain_name.key" --template "$LAB/$chain_name.tmpl" \
			--load-ca-privkey "$LAB/ca.key" --load-ca-certificate "$LAB/ca.crt" --outfile "$LAB/$chain_name.crt" 2>"$LAB/certtool.err"
	fi || { cat "$LAB/certtool.err" >&2; return 1; }
}

chain_certificates() {
	chain_certificate ca ca cert_signing_key crl_signing_key &&
		chain_certificate ch.isp.example 'dns_name = "ch.isp.example"' tls_www_server signing_key &&
		chain_certificate cpe1.example 'dns_name = "cpe1.example"' tls_www_client signing_key
}

# chain_spki NAME: the SHA-256 of the public key of NAME.key.
chain_spki() { certtool -k --infile "$LAB/$1.key" 2>/dev/null | sed -n 's/^[[:space:]]*sha256:\([0-9a-f]*\).*/\1/p'; }

# chain_config udp|tcp psk|x509|raw: both agents' configurations and keys in $LAB.
chain_config() {
	chain_transport=$1 chain_auth=$2
	(umask 077 && printf '%s\n' $CHAIN_PSK >$LAB/isp.key && : >$LAB/peers.jsonl)
	chain_peer='"psk-identity":"cpe-0001","psk-key":"'$CHAIN_PSK'"'
	chain_client_auth='' chain_serverd_auth="psk-identity = \"cpe-0001\" psk-key-file = \"$LAB/isp.key\""
	if [ "$chain_auth" = x509 ]; then
		[ -f $LAB/cpe1.example.crt ] || chain_certificates || return 1
		chain_peer='"certificate-name":"cpe1.example"'
		chain_client_auth="certificate-file = \"$LAB/ch.isp.example.crt\" key-file = \"$LAB/ch.isp.example.key\" ca-file = \"$LAB/ca.crt\""
		chain_serverd_auth="certificate-file = \"$LAB/cpe1.example.crt\" key-file = \"$LAB/cpe1.example.key\" ca-file = \"$LAB/ca.crt\" server-name = \"ch.isp.example\""
	fi
	if [ "$chain_auth" = raw ]; then
		for chain_name in isp cpe1; do
			[ -f $LAB/$chain_name.raw.key ] || (umask 077 && certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile $LAB/$chain_name.raw.key 2>/dev/null) || return 1
		done
		chain_peer='"spki":"'$(chain_spki cpe1.raw)'"'
		chain_client_auth="key-file = \"$LAB/isp.raw.key\""
		chain_serverd_auth="key-file = \"$LAB/cpe1.raw.key\" server-spki = {\"$(chain_spki isp.raw)\"}"
	fi
	printf '{"name":"cpe-0001",%s,"domain":["100.64.8.21/32","2001:db8:123::/64"]}\n' "$chain_peer" >$LAB/peers.jsonl
	cat >$LAB/client.conf <<-CONF
		listen { address = {"100.64.8.1"} port = 4647 transport = {"$chain_transport"} }
		peers-file = "$LAB/peers.jsonl"
		$chain_client_auth
		external-addresses = {"198.51.100.5/32"}
		state = "$LAB/client.db"
	CONF
	cat >$LAB/serverd.conf <<-CONF
		terminating-time = "0s"
		state = "$LAB/serverd.db"
		provider "isp" {
			address = {"100.64.8.1"}
			port = 4647
			transport = {"$chain_transport"}
			$chain_serverd_auth
			scope = {"100.64.8.21/32", "2001:db8:123::/64"}
			consent = "auto"
		}
	CONF
}

# chain_client [ARGUMENT…], chain_serverd [ARGUMENT…]: start one agent; its process is $chain_client_pid or $chain_serverd_pid.
# The descriptors 8 (commands of the client) and 9 (lines for the provider's map) stay open here, so that no pipe ends before its time.
chain_client() {
	[ -p $LAB/commands ] || mkfifo $LAB/commands
	exec 8<>$LAB/commands
	nsenter --net=/run/netns/provider -- dotsch-client -c $LAB/client.conf "$@" <$LAB/commands >>$LAB/client.out 2>>$LAB/client.err 8>&- &
	chain_client_pid=$!
}

chain_serverd() {
	# valgrind knows no pidfd, which --exec needs: there the ring is made of FIFOs, as the packages make it.
	if [ -n "${CHAIN_WRAP:-}" ]; then
		[ -p $LAB/requests ] || mkfifo $LAB/requests $LAB/status
		: >>$LAB/serverd.out
		nsenter --net=/run/netns/router -- sh -c "$CHAIN_PIPELINE" <$LAB/requests >$LAB/status 2>>$LAB/serverd.err 8>&- &
		chain_ring_pid=$!
		nsenter --net=/run/netns/router -- dotsch-serverd -c $LAB/serverd.conf "$@" <>$LAB/status 1<>$LAB/requests 2>>$LAB/serverd.err 8>&- &
		chain_serverd_pid=$!
		return
	fi
	nsenter --net=/run/netns/router -- dotsch-serverd -c $LAB/serverd.conf --exec "$CHAIN_PIPELINE" "$@" </dev/null >>$LAB/serverd.out 2>>$LAB/serverd.err 8>&- &
	chain_serverd_pid=$!
}

# chain_up SECONDS: until the client listens, and the router has called home.
chain_up() {
	lab_line "$1" $LAB/client.out '"event":"listening"' && lab_line "$1" $LAB/client.out '"event":"up"'
}

# chain_start udp|tcp psk|x509|raw: all of it, until the session is up. 1 with what the programs said when it did not work.
chain_start() {
	chain_config "$1" "$2" && chain_client && lab_line 10 $LAB/client.out '"event":"listening"' && chain_serverd && chain_up 10 && return 0
	chain_complain
	return 1
}

# What the programs said last, on stderr.
chain_complain() {
	for chain_file in client.err serverd.err client.out serverd.out provider.map router.map router.status map.err; do
		[ -s "$LAB/$chain_file" ] && sed "s/^/# $chain_file: /" "$LAB/$chain_file" | tail -n 15 >&2
	done
	return 0
}

# The CGN's table of this moment as a snapshot, checked and moved into place whole.
chain_snapshot() {
	chain_now=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
	at provider dotsch-map export --conntrack >$LAB/cgn.json && dotsch-map -q compile --captured $chain_now --nat $LAB/cgn.json --output $LAB/cgn.snap
}

chain_taken_up() { [ "$(grep -c 'read anew' $LAB/map.err)" -gt "$1" ]; }

# The provider's map with a fresh snapshot: started with it, or, when it runs already, left to take it up. Returns once the snapshot is in use.
# Lines for it go to descriptor 9.
chain_map() {
	if [ -p $LAB/lines ]; then
		chain_before=$(grep -c 'read anew' $LAB/map.err)
		chain_snapshot && lab_wait 20 chain_taken_up "$chain_before"
		return
	fi
	chain_snapshot && mkfifo $LAB/lines || return 1
	exec 9<>$LAB/lines
	{
		stamp $LAB/times <$LAB/lines | dotsch-map --follow --snapshot $LAB/cgn.snap 2>>$LAB/map.err | tee -a $LAB/provider.map >$LAB/commands
	} 8>&- 9>&- &
	# A line of a type that a map does not know comes out as it went in, and not before the table stands.
	echo '{"type":"x-loaded"}' >&9
	lab_line 20 $LAB/provider.map x-loaded
}
