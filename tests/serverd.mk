# Tests of serverd.
SERVERD_TESTS = tests/unit/test_store tests/unit/test_serverd_mitigate tests/unit/test_serverd_clients tests/unit/test_serverd_base tests/unit/test_serverd_policy tests/unit/test_serverd_stages tests/unit/test_serverd_pipeline tests/unit/test_serverd_feedback tests/unit/test_serverd_keep \
	tests/unit/test_serverd_link
check_PROGRAMS += $(SERVERD_TESTS)
TESTS += $(SERVERD_TESTS)
EXTRA_DIST += tests/unit/test_serverd.h
tests_unit_test_serverd_link_SOURCES = tests/unit/test_serverd_link.c tests/unit/serverd_peer.c tests/unit/serverd_peer.h
tests_unit_test_serverd_link_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_serverd_link_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_serverd_mitigate_SOURCES = tests/unit/test_serverd_mitigate.c
tests_unit_test_serverd_mitigate_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_serverd_mitigate_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_serverd_clients_SOURCES = tests/unit/test_serverd_clients.c
tests_unit_test_serverd_clients_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_serverd_clients_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_serverd_stages_SOURCES = tests/unit/test_serverd_stages.c
tests_unit_test_serverd_stages_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_serverd_stages_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_serverd_pipeline_SOURCES = tests/unit/test_serverd_pipeline.c
tests_unit_test_serverd_pipeline_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_serverd_pipeline_LDFLAGS = $(WRAP_CLOCK)
tests_unit_test_serverd_pipeline_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_serverd_policy_SOURCES = tests/unit/test_serverd_policy.c
tests_unit_test_serverd_policy_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_serverd_policy_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_serverd_feedback_SOURCES = tests/unit/test_serverd_feedback.c
tests_unit_test_serverd_feedback_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_serverd_feedback_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_serverd_keep_SOURCES = tests/unit/test_serverd_keep.c
tests_unit_test_serverd_keep_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_serverd_keep_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_store_SOURCES = tests/unit/test_store.c
tests_unit_test_store_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_store_LDADD = $(STORE_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
SERVERD_SYSTEM = tests/system/serverd-scope.sh tests/system/serverd-base.sh tests/system/serverd-discovery.sh tests/system/serverd-errors.sh tests/system/serverd-prompt.sh tests/system/serverd-full.sh tests/system/serverd-agents.sh tests/system/serverd-kill.sh
LONG_TESTS += tests/system/serverd-kill-many.sh
EXTRA_DIST += tests/system/serverd-kill-many.sh
EXTRA_DIST += $(SERVERD_SYSTEM) tests/system/dns.pl
EXTRA_PROGRAMS += tests/bench/bench_serverd
tests_bench_bench_serverd_SOURCES = tests/bench/bench_serverd.c tests/bench/link_floor.c tests/bench/link_floor.h tests/unit/serverd_peer.c tests/unit/serverd_peer.h
tests_bench_bench_serverd_CFLAGS = $(UNIT_CFLAGS) $(GNUTLS_CFLAGS)
tests_bench_bench_serverd_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
TESTS += $(SERVERD_SYSTEM)
# Requests, lines and time in any order.
check_PROGRAMS += tests/fuzz/fuzz_serverd
TESTS += tests/fuzz/fuzz_serverd
tests_fuzz_fuzz_serverd_SOURCES = tests/fuzz/fuzz_serverd.c $(FUZZ_MAIN)
tests_fuzz_fuzz_serverd_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_serverd_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_serverd_LDADD = $(SERVERD_LIBS)
EXTRA_DIST += tests/fuzz/corpus/serverd
tests_unit_test_serverd_base_SOURCES = tests/unit/test_serverd_base.c
tests_unit_test_serverd_base_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_serverd_base_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
# The link of dotsch-serverd, with real peers.
SERVERD_LINK_SYSTEM = tests/system/serverd-providers.sh tests/system/serverd-both.sh
EXTRA_DIST += $(SERVERD_LINK_SYSTEM)
TESTS += $(SERVERD_LINK_SYSTEM)
# dotsch-serverd with a clock that jumps.
check_PROGRAMS += tests/system/serverd-clock
tests_system_serverd_clock_SOURCES = tests/system/serverd_clock.c dotsch-serverd/main.c
tests_system_serverd_clock_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_system_serverd_clock_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=when_boot_ms
tests_system_serverd_clock_LDADD = $(SERVERD_LIBS)
SERVERD_LOSS_SYSTEM = tests/system/serverd-loss.sh tests/system/serverd-nat.sh tests/system/serverd-secrets.sh tests/system/serverd-wrong-time.sh
EXTRA_DIST += $(SERVERD_LOSS_SYSTEM)
TESTS += $(SERVERD_LOSS_SYSTEM)
