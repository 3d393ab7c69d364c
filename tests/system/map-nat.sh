#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A double NAT with random ports: the attack log's external ports lead to the router's by the CGN's own export, and there to the one host by conntrack.
set -u
. "${top_srcdir:-.}/tests/tap.sh"
. "${top_srcdir:-.}/tests/system/lab.sh"
for tool in nft perl jq; do command -v $tool >/dev/null || skip_all "$tool is not installed"; done
lab_enter "$0" "$@" || skip_all 'no network namespaces can be made here'
lab_up || bail_out 'the lab does not come up'
map=${top_builddir:-.}/dotsch-map/dotsch-map
lab=$LAB

# listen FILE: the victim notes "source-port payload" of every datagram to its port 7777, and "ready" first.
listen() {
	# shellcheck disable=SC2016 # perl's variables
	at victim perl -MSocket -e '
		open STDOUT, ">>", shift or die; $| = 1; socket my $s, AF_INET, SOCK_DGRAM, 0 or die;
		bind $s, pack_sockaddr_in(7777, inet_aton("203.0.113.9")) or die "bind: $!";
		print "ready\n"; while (defined(my $from = recv $s, my $data, 100, 0)) { my ($port) = unpack_sockaddr_in $from; print "$port $data\n" }' "$1" &
	lab_line 10 "$1" ready
}

# flood HOST COUNT: so many datagrams, each from a port of its own.
flood() {
	# shellcheck disable=SC2016 # perl's variables
	at "$1" perl -MSocket -e '
		my ($name, $n) = @ARGV; my $to = pack_sockaddr_in(7777, inet_aton("203.0.113.9")); my @keep;
		for (1 .. $n) { socket my $s, AF_INET, SOCK_DGRAM, 0 or die; push @keep, $s; send($s, $name, 0, $to) or die "send: $!" }' "$1" "$2"
}

seen=$lab/seen
listen "$seen" || bail_out "the victim does not listen"
bad_mac=$(at bad ip -o link show dev eth0 | sed 's/.*ether \([^ ]*\).*/\1/')
flood bad 40
flood good 2
all_seen() { [ "$(grep -c . "$seen")" -eq 43 ]; }
lab_wait 10 all_seen || bail_out "the packets did not arrive"
bad_ports=$(sed -n 's/ bad//p' "$seen")
good_port=$(sed -n 's/ good//p' "$seen" | head -n 1)

# request SOURCE PORTS…: one line about the victim; ports may be none
request() {
	source=$1
	shift
	printf '%s\n' "$@" | jq -Rnc --arg s "$source" '[inputs | select(. != "") | {"lower-port": tonumber}] as $p | {type: "mitigate", ref: "r1", peer: "isp", cuid: "c", mid: 7,
		"ietf-dots-signal-channel:mitigation-scope": {scope: [{"target-prefix": ["203.0.113.9/32"], "target-protocol": [17], lifetime: 600,
		"ietf-dots-call-home:source-prefix": [$s]} + if ($p | length) > 0 then {"ietf-dots-call-home:source-port-range": $p} else {} end]}}'
}
scope='."ietf-dots-signal-channel:mitigation-scope".scope[0]'

# The provider.
at provider timeout 20 "$map" export --conntrack >"$lab/cgn.json"
ok $? "export --conntrack"
is "$(jq -r '[."ietf-nat:nat".instances.instance[0]."mapping-table"."mapping-entry"[] | select(."external-src-address" == "198.51.100.5/32" and ."internal-src-address" == "100.64.8.21/32" and ."transport-protocol" == 17 and .lifetime > 0 and ."external-dst-address" == "203.0.113.9/32")] | length' "$lab/cgn.json")" 42 "every translated flow is one mapping-entry of RFC 8512, with the lifetime left"
# shellcheck disable=SC2086 # one word for each port
request 198.51.100.5/32 $bad_ports | timeout 20 "$map" -q --nat "$lab/cgn.json" >"$lab/inside.jsonl"
ok $? "CH-36: the request about the external address is rewritten"
is "$(jq -r "$scope.\"ietf-dots-call-home:source-prefix\"[0]" "$lab/inside.jsonl")" 100.64.8.21/32 "CH-36: the source is the inside one"
is "$(grep -c 198.51.100.5 "$lab/inside.jsonl")" 0 "CH-35: the external address is nowhere in the line"
is "$(jq -r ".certainty, .nat.name, .ref" "$lab/inside.jsonl" | tr '\n' ' ')" "likely conntrack r1 " "certainty, instance and ref are told"
is "$(jq "[$scope.\"ietf-dots-call-home:source-port-range\"[] | (.\"upper-port\" // .\"lower-port\") - .\"lower-port\" + 1] | add" "$lab/inside.jsonl")" 40 "forty external ports are forty inside ones"

# The same out of conntrack's own text.
if command -v conntrack >/dev/null; then
	for form in '' '-o extended'; do
		# shellcheck disable=SC2086
		at provider conntrack -L $form 2>/dev/null | sh "${top_srcdir:-.}/contrib/nat-events/nat-events" conntrack >"$lab/tool.json"
		# shellcheck disable=SC2086
		request 198.51.100.5/32 $bad_ports | timeout 20 "$map" -q --nat "$lab/tool.json" >"$lab/tool.jsonl"
		is "$(jq -c "[.certainty, $scope]" "$lab/tool.jsonl")" "$(jq -c "[.certainty, $scope]" "$lab/inside.jsonl")" "conntrack -L $form through nat-events: the same request"
	done
fi

# The router.
at router timeout 20 "$map" --conntrack <"$lab/inside.jsonl" >"$lab/hosts.jsonl"
ok $? "CH-39: the router looks it up"
is "$(jq -c '.hosts' "$lab/hosts.jsonl")" '[{"address":"192.168.1.66","mac":"'"$bad_mac"'","interface":"br-lan"}]' "CH-39: the one host, its MAC and interface"
is "$(jq -c "$scope" "$lab/hosts.jsonl")" "$(jq -c "$scope" "$lab/inside.jsonl")" "the request stays as it was asked"
request 198.51.100.5/32 "$good_port" | timeout 20 "$map" -q --nat "$lab/cgn.json" | at router timeout 20 "$map" --conntrack >"$lab/good.jsonl"
is "$(jq -r '.hosts[].address' "$lab/good.jsonl")" 192.168.1.10 "the other host's port leads to the other host"
request 100.64.8.21/32 | at router timeout 20 "$map" --conntrack >"$lab/both.jsonl"
is "$(jq -r '.certainty, ([.hosts[].address] | sort | join(","))' "$lab/both.jsonl" | tr '\n' ' ')" "ambiguous 192.168.1.10,192.168.1.66 " "without ports both could be meant: all listed, ambiguous"
request 100.64.8.21/32 9 | at router timeout 20 "$map" --conntrack >"$lab/none.jsonl"
is "$(jq -c '[.certainty, .hosts]' "$lab/none.jsonl")" '["unresolved",[]]' "a port that nobody has is said to be unresolved"
# shellcheck disable=SC2046,SC2086
request 100.64.8.21/32 9 $(jq -r "$scope.\"ietf-dots-call-home:source-port-range\"[0:3][].\"lower-port\"" "$lab/inside.jsonl") | at router timeout 20 "$map" --conntrack >"$lab/some.jsonl"
is "$(jq -r '[.hosts[].address] | join(",")' "$lab/some.jsonl")" 192.168.1.66 "ports that are gone do not hide the host that the others name"

# With target port and protocol every port is one question, without them one dump: the same answer.
jq -c "$scope.\"target-port-range\" = [{\"lower-port\": 7777}] | $scope.\"ietf-dots-call-home:source-port-range\" |= .[0:5] | .mid = 8" "$lab/inside.jsonl" |
	at router timeout 20 "$map" --conntrack >"$lab/exact.jsonl"
is "$(jq -r '.certainty, .hosts[].address' "$lab/exact.jsonl" | tr '\n' ' ')" "exact 192.168.1.66 " "a complete tuple is exact"

# Conntrack zones: found in whatever zone it is, told, and kept apart.
if command -v conntrack >/dev/null; then
	# zoned ZONE INSIDE INSIDE-PORT OUTSIDE-PORT
	zoned() {
		at router conntrack -I -p udp -t 600 -u SEEN_REPLY -w "$1" -s "$2" -d 203.0.113.9 --orig-port-src "$3" --orig-port-dst 7777 \
			--src-nat "100.64.8.21:$4" >/dev/null 2>"$lab/zoned.err" || sed 's/^/# /' "$lab/zoned.err"
	}
	# shellcheck disable=SC2086 # an option and its value
	in_zones() { request 100.64.8.21/32 "$1" | jq -c "$scope.\"target-port-range\" = [{\"lower-port\": 7777}]" | at router timeout 20 "$map" --conntrack $2 | jq -c '[.certainty, (.hosts[] | .address, .zone)]'; }
	zoned 7 192.168.1.66 5001 61001
	zoned 8 192.168.1.10 5002 61001
	zoned 7 192.168.1.66 5003 61003
	is "$(in_zones 61003 '')" '["exact","192.168.1.66",7]' 'a complete tuple is found in another zone than 0, too'
	is "$(in_zones 61001 '')" '["ambiguous","192.168.1.66",7,"192.168.1.10",8]' 'one external port in two zones is ambiguous'
	is "$(in_zones 61001 '--zone 8')" '["exact","192.168.1.10",8]' '--zone tells them apart'
	is "$(in_zones 61003 '--zone 0')" '["unresolved"]' 'and looks nowhere else'
	is "$(at router timeout 20 "$map" export --conntrack --zone 8 | jq -c '[."ietf-nat:nat".instances.instance[0]."mapping-table"."mapping-entry"[]."internal-src-address"]')" '["192.168.1.10/32"]' 'export of one zone'
	for zone in 7 8; do at router conntrack -D -w $zone >/dev/null 2>&1; done
fi

# ICMP by address, and names from the leases; a pending request is resolved, too.
# shellcheck disable=SC2016 # perl's variables
at bad perl -MSocket -e 'socket my $s, AF_INET, SOCK_RAW, 1 or die; my $p = pack "CCnnn", 8, 0, 0, 77, 1; my $sum = unpack "%32n*", $p;
	$sum = ($sum >> 16) + ($sum & 0xffff); substr $p, 2, 2, pack "n", ~$sum & 0xffff; send $s, $p, 0, pack_sockaddr_in(0, inet_aton("203.0.113.9")) or die'
echo "1700000000 $bad_mac 192.168.1.66 camera *" >"$lab/leases"
request 100.64.8.21/32 | jq -c "$scope.\"target-protocol\" = [1] | .consent = \"pending\"" |
	at router timeout 20 "$map" --conntrack --leases "$lab/leases" >"$lab/icmp.jsonl"
is "$(jq -c '[.certainty, .consent, (.hosts[] | .address, .name)]' "$lab/icmp.jsonl")" '["likely","pending","192.168.1.66","camera"]' 'ICMP by address; the name out of the leases'

# Hosts that a line already names for sure, as after a restart, are kept; a doubt is looked at again.
request 100.64.8.21/32 9 | jq -c '.hosts = [{"address": "192.168.1.10"}] | .certainty = "exact"' >"$lab/named.jsonl"
is "$(at router timeout 20 "$map" --conntrack <"$lab/named.jsonl")" "$(cat "$lab/named.jsonl")" 'hosts that are known for sure pass byte for byte'
jq -c '.hosts = [{"address": "192.168.1.10"}, {"address": "192.168.1.66"}] | .certainty = "ambiguous"' "$lab/inside.jsonl" |
	at router timeout 20 "$map" --conntrack >"$lab/doubt.jsonl"
is "$(jq -r '[.hosts[].address] | join(",")' "$lab/doubt.jsonl")" 192.168.1.66 'a doubt is looked at again'
is "$(jq -c 'del(.certainty)' "$lab/both.jsonl" | at router timeout 20 "$map" --conntrack | jq -r '.certainty, (.hosts | length)' | tr '\n' ' ')" 'ambiguous 2 ' 'several without a word about them are in doubt'

# No NAT: the source itself.
jq -nc '{type: "mitigate", "ietf-dots-signal-channel:mitigation-scope": {scope: [{"target-prefix": ["2001:db8:c000::9/128"], lifetime: 60, "ietf-dots-call-home:source-prefix": ["2001:db8:123::66/128"]}]}}' >"$lab/six.jsonl"
# shellcheck disable=SC2016 # perl's variables
at bad perl -MSocket=:all -e 'socket my $s, AF_INET6, SOCK_DGRAM, 0 or die; send $s, "x", 0, pack_sockaddr_in6(7777, inet_pton(AF_INET6, "2001:db8:c000::9")) or die'
knows_six() { at router ip -6 neigh show 2001:db8:123::66 | grep -q lladdr; }
lab_wait 10 knows_six
is "$(at router timeout 20 "$map" --conntrack <"$lab/six.jsonl" | jq -c '[.certainty, .hosts]')" \
	'["exact",[{"address":"2001:db8:123::66","mac":"'"$bad_mac"'","interface":"br-lan"}]]' "IPv6 without NAT: the source itself, with its MAC"
is "$(sed 's/::66/::/; s/:\/128"\]}/:\/64"]}/' "$lab/six.jsonl" | at router timeout 20 "$map" --conntrack | jq -r '.hosts[].mac' | sort -u)" "$bad_mac" "a /64: the host that the neighbour table has"

# A refresh keeps the resolution when the flows are gone; after a withdraw it does not.
mkfifo "$lab/in"
at router timeout 60 "$map" --conntrack <"$lab/in" >"$lab/kept.jsonl" &
filter=$!
exec 3>"$lab/in"
lines() { [ "$(grep -c . "$lab/kept.jsonl")" -ge "$1" ]; }
cat "$lab/inside.jsonl" >&3
lab_wait 10 lines 1
lab_ip router 'link set wan down' 'link set wan up' 'route add default via 100.64.8.1'    # a masqueraded flow ends with its interface
no_flows() { at router timeout 20 "$map" export --conntrack | jq -e '[."ietf-nat:nat".instances.instance[0]."mapping-table"."mapping-entry"[] | select(."external-dst-port"."start-port-number" == 7777)] | length == 0' >/dev/null; }
lab_wait 10 no_flows
ok $? "the flows are gone"
jq -c "$scope.lifetime = 900" "$lab/inside.jsonl" >&3
lab_wait 10 lines 2
is "$(sed -n 2p "$lab/kept.jsonl" | jq -r '.hosts[].address')" 192.168.1.66 "a refresh keeps the host it had"
echo '{"type":"withdraw","peer":"isp","cuid":"c","mid":7,"cause":"client"}' >&3
cat "$lab/inside.jsonl" >&3
lab_wait 10 lines 4
is "$(sed -n 3p "$lab/kept.jsonl")" '{"type":"withdraw","peer":"isp","cuid":"c","mid":7,"cause":"client"}' "a withdraw passes byte for byte"
is "$(sed -n 4p "$lab/kept.jsonl" | jq -c '.hosts')" '[]' "after a withdraw it is looked up anew"
exec 3>&-
wait "$filter"
ok $? "the end of the input ends the filter"

is "$(ldd "$map" | grep -cE 'coap|gnutls|cbor')" 0 "neither libcoap, GnuTLS nor libcbor is linked"
done_testing
