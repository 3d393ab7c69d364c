# SPDX-License-Identifier: GPL-3.0-or-later
# The rounds of client-kill.sh: perl client_kill.pl DOTSCH-CLIENT DOTSCH-SERVERD ROUNDS SEED, in a folder with client.conf and router.conf.
use strict;
use warnings;
use IO::Socket::UNIX;
use IO::Select;
use JSON::PP;
use Time::HiRes qw(sleep time);

my ($client, $serverd, $rounds, $seed) = @ARGV;
srand $seed;
my $tests = 0;
my ($serial, $asked) = (0, 0);
my %told;        # ref => promised (waits), in force, gone: the last word that a user got of it
my %wanted_gone; # ref => 1: a withdrawal was sent; its end may not have been told
my %target;      # ref => target
my %mid_target;  # mid => target, over all runs: a mid that was used twice shows
my ($agent, $router, $socket, @lines, $rest);

sub bail { system 'tail', '-n', '5', 'router.out', 'router.out.err', 'client.out.err' if -e 'router.out'; print "Bail out! seed $seed: $_[0]\n"; exit 1 }
sub ok { my ($good, $name) = @_; $tests++; print $good ? '' : 'not ', "ok $tests - $name\n"; return $good }
sub start {
	my ($out, $in, @command) = @_;
	my $pid = fork // bail "fork: $!";
	return $pid if $pid;
	open STDIN, '<', $in; open STDOUT, '>>', $out; open STDERR, '>>', "$out.err";
	exec @command or exit 111;
}
sub until_true {
	my ($what, $seconds, $test) = @_;
	my $end = time + $seconds;
	until ($test->()) { bail "$what did not come to be" if time > $end; sleep 0.01 }
}
# Everything that has come on the agent's socket; false at its end.
sub read_lines {
	my $open = 1;
	while ($socket && IO::Select->new($socket)->can_read(0)) {
		my $n = sysread $socket, $rest, 65536, length $rest;
		if (!$n) { $open = 0; last }
	}
	while ($rest =~ s/^(.*)\n//) {
		my $line = eval { decode_json $1 } or next;      # the last one may be cut
		push @lines, $line;
		learn($line);
	}
	return $open;
}
sub learn {
	my ($line) = @_;
	my ($type, $ref) = ($line->{type}, $line->{ref});
	return unless defined $ref && exists $target{$ref};
	if ($type eq 'status' && $line->{status} eq 'waiting' && !$wanted_gone{$ref}) { $told{$ref} //= 'promised' }
	elsif ($type eq 'response' && $line->{method} eq 'PUT' && $line->{code} =~ /^2/) { $told{$ref} = 'in force' unless $wanted_gone{$ref} }
	elsif ($type eq 'response' && $line->{method} eq 'DELETE' && $line->{code} =~ /^2/) { $told{$ref} = 'gone' }
	elsif ($type eq 'status' && $line->{status} eq 'withdrawn') { $told{$ref} = 'gone' }
}
sub say_line { my $text = encode_json($_[0]) . "\n"; local $SIG{PIPE} = 'IGNORE'; syswrite $socket, $text if $socket }
sub connect_agent {
	($rest, @lines) = ('');
	until_true('the control socket', 10, sub { $socket = IO::Socket::UNIX->new(Peer => 'sock') });
}
# Sends a command to a socket of its own and returns the lines until `done`.
sub ask {
	my ($path, $command, $end) = @_;
	my $s = IO::Socket::UNIX->new(Peer => $path) or return;
	print $s encode_json($command), "\n"; $s->flush;
	$s->shutdown(1);
	my @got;
	while (my $text = <$s>) { my $line = decode_json $text; last if $line->{type} eq 'done'; push @got, $line }
	return @got;
}
sub scope { $_[0]{'ietf-dots-signal-channel:mitigation-scope'}{scope}[0] }
sub agent_holds { return grep { $_->{type} eq 'request' && $_->{state} ne 'over' } ask('sock', { type => 'watch' }) }
sub router_holds { return grep { $_->{type} eq 'mitigation' && $_->{state} =~ /^(active|pending|held)$/ } ask('router.sock', { type => 'show' }) }
sub mitigate {
	my $ref = 'r' . ++$serial;
	$target{$ref} = sprintf '2001:db8:c000::%x/128', $serial;
	my $source = sprintf '2001:db8:123::%x/128', $serial;
	say_line({ type => 'mitigate', ref => $ref, keep => (rand() < 0.5 ? JSON::PP::true : JSON::PP::false), 'ietf-dots-signal-channel:mitigation-scope' =>
		{ scope => [{ 'target-prefix' => [$target{$ref}], 'ietf-dots-call-home:source-prefix' => [$source], lifetime => 86400 }] } });
	$asked++;
}
sub withdraw {
	my @can = grep { !$wanted_gone{$_} } keys %told;
	return unless @can;
	my $ref = (sort @can)[rand @can];
	$wanted_gone{$ref} = 1;
	say_line({ type => 'withdraw', ref => $ref });
}
sub start_router { $router = start('router.out', 'router.in', $serverd, '-c', 'router.conf', '-s', 'router.sock') }
sub stop_router { kill TERM => $router; waitpid $router, 0 }

# Both sides must come to rest, and then agree with each other and with what was told.
sub compare {
	my ($round) = @_;
	my ($tries, @mine, @its) = (0);
	until_true("round $round: rest", 60, sub {
		read_lines();
		@mine = agent_holds();
		return 0 if grep { $_->{state} ne 'active' } @mine;
		@its = router_holds();
		my %there = map { $_->{mid} => 1 } @its;
		return (@mine == @its && !grep { !$there{$_->{mid}} } @mine) || $tries++ > 200;
	});
	my (%by_ref, %by_mid, @wrong);
	for my $r (@mine) {
		push @wrong, "$r->{ref} twice" if $by_ref{$r->{ref}}++;
		push @wrong, "$r->{ref} is back, though withdrawn" if ($told{$r->{ref}} // '') eq 'gone';
		$by_mid{$r->{mid}} = $r;
	}
	for my $ref (keys %told) {
		push @wrong, "$ref is lost, though $told{$ref}" if $told{$ref} ne 'gone' && !$wanted_gone{$ref} && !$by_ref{$ref};
	}
	for my $m (@its) {
		my $r = delete $by_mid{$m->{mid}};
		push @wrong, "the router holds mid $m->{mid}, of which nobody knows" unless $r;
		push @wrong, "mid $m->{mid} is not the same on both sides" if $r && scope($r)->{'target-prefix'}[0] ne scope($m)->{'target-prefix'}[0];
	}
	push @wrong, "mid $_ is not at the router" for keys %by_mid;
	open my $f, '<', 'router.out' or bail 'router.out';
	while (<$f>) {
		next unless /^\{"type":"mitigate"/;
		my $line = decode_json $_;
		my $to = scope($line)->{'target-prefix'}[0];
		push @wrong, "mid $line->{mid} was used for $mid_target{$line->{mid}} and for $to" if ($mid_target{$line->{mid}} //= $to) ne $to;
	}
	print "# round $round, seed $seed: $_\n" for @wrong;
	return ok(!@wrong, "round $round: " . @mine . ' requests, the same on both sides; none lost, doubled or back');
}

# A pipe that stays open: the router runs on.
system 'mkfifo', 'router.in';
open my $hold, '+<', 'router.in' or bail 'router.in';
print "# seed $seed\n";
for my $round (1 .. $rounds) {
	$agent = start('client.out', '/dev/null', $client, '-c', 'client.conf', '-s', 'sock');
	connect_agent();
	# Now and then requests come before the router does.
	if (rand() < 0.3) { mitigate() for 1 .. 1 + rand 3 }
	start_router();
	until_true('the call home', 20, sub { read_lines(); grep { $_->{type} eq 'session' && $_->{event} eq 'up' } @lines });
	compare($round) or last if $round > 1;
	my $end = time + rand 0.08;
	for (1 .. 1 + rand 12) {
		rand() < (keys(%told) - keys(%wanted_gone) > 30 ? 0.35 : 0.65) ? mitigate() : withdraw();
		sleep rand 0.01 if rand() < 0.5;
	}
	while (time < $end) { read_lines(); sleep 0.001 }
	kill KILL => $agent;
	waitpid $agent, 0;
	1 while read_lines() && IO::Select->new($socket)->can_read(0.2);
	close $socket;
	# A restart of the router spares the test the minute after which it would call again by itself.
	stop_router();
}
$agent = start('client.out', '/dev/null', $client, '-c', 'client.conf', '-s', 'sock');
connect_agent();
start_router();
until_true('the call home', 20, sub { read_lines(); grep { $_->{type} eq 'session' && $_->{event} eq 'up' } @lines });
compare('last');
my $lost = grep { !$told{$_} } keys %target;
ok(scalar(grep { $_ eq 'gone' } values %told), 'withdrawals were told to have been done');
ok(scalar(grep { $_ eq 'in force' } values %told), 'and requests to be in force');
print "# $asked requests, ", scalar(keys %told), " of them told of, ", scalar(keys %wanted_gone), " withdrawn, $lost cut off by the kill before a word\n";
kill TERM => $agent;
waitpid $agent, 0;
stop_router();
print "1..$tests\n";
