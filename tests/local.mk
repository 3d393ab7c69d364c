# Tests speak TAP, C through cmocka and shell through tests/tap.sh. Each area adds its own in tests/<area>.mk.
TEST_EXTENSIONS = .sh
TAP_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(TAP_DRIVER)
SH_LOG_DRIVER = $(TAP_DRIVER)
SH_LOG_COMPILER = $(SHELL)
# LOG_WRAPPER="valgrind …" runs the C tests under it.
LOG_COMPILER = $(LOG_WRAPPER)
AM_TESTS_ENVIRONMENT = CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	LAB_KEEP='$(abs_top_builddir)/tests/system/lines'; export LAB_KEEP;
# make check leaves the lines of the labs there.
clean-local: lines-clean
lines-clean:
	rm -rf tests/system/lines
.PHONY: lines-clean
UNIT_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS)
EXTRA_DIST += tests/summary tests/tap.sh

# What takes longer than minutes, beside make check.
LONG_TESTS =
check-long:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(LONG_TESTS)' SCHEMA_AFTER=
.PHONY: check-long

# A fuzz target without libFuzzer replays its corpus.
if FUZZERS
FUZZ_MAIN =
else
FUZZ_MAIN = tests/fuzz/replay.c
endif

include tests/base.mk
include tests/dots.mk
include tests/link.mk
include tests/serverd.mk
include tests/client.mk
include tests/map.mk
include tests/block.mk
include tests/system.mk
include tests/conform.mk
include tests/bench.mk
