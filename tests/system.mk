# System tests: whole programs in network namespaces, through tests/system/lab.sh.
EXTRA_DIST += tests/system/lab.sh tests/system/chain.sh tests/system/chain-form.sh
SYSTEM_TESTS = \
	tests/system/readme.sh \
	tests/system/chain-bad-input.sh \
	tests/system/chain-restart.sh \
	tests/system/layers.sh \
	tests/system/lab-check.sh \
	tests/system/setup.sh \
	tests/system/chain-dtls-psk.sh \
	tests/system/chain-tls-psk.sh \
	tests/system/chain-dtls-x509.sh \
	tests/system/chain-tls-x509.sh
EXTRA_DIST += $(SYSTEM_TESTS)
TESTS += $(SYSTEM_TESTS)
