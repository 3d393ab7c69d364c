# System tests: whole programs in network namespaces, through tests/system/lab.sh.
EXTRA_DIST += tests/system/lab.sh tests/system/agents.sh tests/system/terminal.sh tests/system/chain.sh tests/system/chain-form.sh tests/system/unit.sh
# The units are tried in the build tree, too.
EXTRA_DIST += debian tests/packages tests/fuzz/run
SYSTEM_TESTS = \
	tests/system/readme.sh \
	tests/system/chain-bad-input.sh \
	tests/system/chain-hosts.sh \
	tests/system/chain-restart.sh \
	tests/system/layers.sh \
	tests/system/docs.sh \
	tests/system/install.sh \
	tests/system/lab-check.sh \
	tests/system/setup.sh \
	tests/system/contrib.sh \
	tests/system/contrib-fastnetmon.sh \
	tests/system/units.sh tests/system/operations.sh tests/system/openwrt.sh \
	tests/system/completion.sh tests/system/agents-man.sh tests/system/descriptors.sh \
	tests/system/chain-dtls-psk.sh \
	tests/system/chain-tls-psk.sh \
	tests/system/chain-dtls-raw.sh \
	tests/system/chain-dtls-x509.sh \
	tests/system/chain-tls-raw.sh \
	tests/system/chain-tls-x509.sh
EXTRA_DIST += $(SYSTEM_TESTS)
TESTS += $(SYSTEM_TESTS)
# The last one judges the lines that the others have left. Alone: make check TESTS=tests/system/schema.sh SCHEMA_AFTER=
SCHEMA_AFTER = $(SYSTEM_TESTS:.sh=.log) $(BLOCK_SYSTEM_TESTS:.sh=.log)
TESTS += tests/system/schema.sh
EXTRA_DIST += tests/system/schema.sh tests/system/lines.py
tests/system/schema.log: $(SCHEMA_AFTER)
