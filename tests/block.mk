# Tests of block.
BLOCK_TESTS = tests/unit/test_block_dispatch tests/unit/test_block_faults tests/unit/test_block_messages tests/unit/test_block_plan
BLOCK_TEST_CFLAGS = $(UNIT_CFLAGS) -I$(top_srcdir)/dotsch-block
check_PROGRAMS += $(BLOCK_TESTS)
TESTS += $(BLOCK_TESTS)
tests_unit_test_block_dispatch_SOURCES = tests/unit/test_block_dispatch.c
tests_unit_test_block_dispatch_CFLAGS = $(BLOCK_TEST_CFLAGS)
tests_unit_test_block_dispatch_LDADD = $(BLOCK_LIBS) $(CMOCKA_LIBS)
# Between the program and libnl: transactions that fail, and a clock that jumps.
BLOCK_SEAM = tests/system/block_seam.c tests/system/block_seam.h
BLOCK_WRAP = $(AM_LDFLAGS) -Wl,--wrap=nl_sendto,--wrap=nl_recv,--wrap=clock_gettime
tests_unit_test_block_faults_SOURCES = tests/unit/test_block_faults.c $(BLOCK_SEAM)
tests_unit_test_block_faults_CFLAGS = $(BLOCK_TEST_CFLAGS) $(LIBNL_CFLAGS)
tests_unit_test_block_faults_LDFLAGS = $(BLOCK_WRAP)
tests_unit_test_block_faults_LDADD = $(BLOCK_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/system/block-seam
tests_system_block_seam_SOURCES = dotsch-block/main.c $(BLOCK_SEAM)
tests_system_block_seam_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(LIBNL_CFLAGS) -I$(top_srcdir)/dotsch-block
tests_system_block_seam_LDFLAGS = $(BLOCK_WRAP)
tests_system_block_seam_LDADD = $(BLOCK_LIBS)
# In place of the kernel: one that takes everything.
BLOCK_FAKE = tests/unit/block_fake.c tests/unit/block_fake.h
BLOCK_FAKE_WRAP = -Wl,--wrap=nl_sendto,--wrap=nl_recv
tests_unit_test_block_messages_SOURCES = tests/unit/test_block_messages.c $(BLOCK_FAKE)
tests_unit_test_block_messages_CFLAGS = $(BLOCK_TEST_CFLAGS) $(LIBNL_CFLAGS)
tests_unit_test_block_messages_LDFLAGS = $(AM_LDFLAGS) $(BLOCK_FAKE_WRAP)
tests_unit_test_block_messages_LDADD = $(BLOCK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_block_plan_SOURCES = tests/unit/test_block_plan.c
tests_unit_test_block_plan_CFLAGS = $(BLOCK_TEST_CFLAGS)
tests_unit_test_block_plan_LDADD = $(BLOCK_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_block
TESTS += tests/fuzz/fuzz_block
EXTRA_DIST += tests/fuzz/corpus/block
tests_fuzz_fuzz_block_SOURCES = tests/fuzz/fuzz_block.c $(BLOCK_FAKE) $(FUZZ_MAIN)
tests_fuzz_fuzz_block_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(LIBNL_CFLAGS) -I$(top_srcdir)/dotsch-block
tests_fuzz_fuzz_block_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS) $(BLOCK_FAKE_WRAP)
tests_fuzz_fuzz_block_LDADD = $(BLOCK_LIBS)

# Real packets through a router in namespaces.
check_PROGRAMS += tests/system/block-packets
tests_system_block_packets_SOURCES = tests/system/block_packets.c
tests_system_block_packets_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_system_block_packets_LDADD = $(DOTS_LIBS) $(BASE_LIBS)
check_PROGRAMS += tests/system/block-flows
tests_system_block_flows_SOURCES = tests/system/block_flows.c
tests_system_block_flows_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) -I$(top_srcdir)/dotsch-block
tests_system_block_flows_LDADD = $(BLOCK_LIBS)
BLOCK_SYSTEM_TESTS = tests/system/block-actions.sh tests/system/block-errors.sh tests/system/block-burst.sh tests/system/block-faults.sh tests/system/block-fields.sh tests/system/block-kill.sh tests/system/block-life.sh tests/system/block-man.sh \
	tests/system/block-nat.sh tests/system/block-repair.sh tests/system/block-random.sh tests/system/block-random-many.sh tests/system/block-tools.sh
TESTS += $(BLOCK_SYSTEM_TESTS)
EXTRA_DIST += tests/system/block-lab.sh $(BLOCK_SYSTEM_TESTS)

# Run by `make bench`.
EXTRA_PROGRAMS += tests/bench/bench_block
tests_bench_bench_block_SOURCES = tests/bench/bench_block.c
tests_bench_bench_block_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) -I$(top_srcdir)/dotsch-block
tests_bench_bench_block_LDADD = $(BLOCK_LIBS)
EXTRA_DIST += tests/bench/bench_block.sh
