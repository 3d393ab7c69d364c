# Tests of block.
BLOCK_TESTS = tests/unit/test_block_dispatch tests/unit/test_block_plan
BLOCK_TEST_CFLAGS = $(UNIT_CFLAGS) -I$(top_srcdir)/dotsch-block
check_PROGRAMS += $(BLOCK_TESTS)
TESTS += $(BLOCK_TESTS)
tests_unit_test_block_dispatch_SOURCES = tests/unit/test_block_dispatch.c
tests_unit_test_block_dispatch_CFLAGS = $(BLOCK_TEST_CFLAGS)
tests_unit_test_block_dispatch_LDADD = $(BLOCK_LIBS) $(CMOCKA_LIBS)
tests_unit_test_block_plan_SOURCES = tests/unit/test_block_plan.c
tests_unit_test_block_plan_CFLAGS = $(BLOCK_TEST_CFLAGS)
tests_unit_test_block_plan_LDADD = $(BLOCK_LIBS) $(CMOCKA_LIBS)
