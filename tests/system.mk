# System tests: whole programs in network namespaces, through tests/system/lab.sh.
EXTRA_DIST += tests/system/lab.sh
TESTS += tests/system/lab-check.sh
EXTRA_DIST += tests/system/lab-check.sh
