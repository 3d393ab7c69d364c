# System tests: whole programs in network namespaces, through tests/system/lab.sh.
EXTRA_DIST += tests/system/lab.sh tests/system/chain.sh
SYSTEM_TESTS = tests/system/lab-check.sh
EXTRA_DIST += $(SYSTEM_TESTS)
TESTS += $(SYSTEM_TESTS)
