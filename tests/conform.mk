# Tests for tests/CONFORMANCE.md alone: rules that stand in no other area's tests.
CONFORM_TESTS = tests/unit/test_conform_server
check_PROGRAMS += $(CONFORM_TESTS)
TESTS += $(CONFORM_TESTS)
tests_unit_test_conform_server_SOURCES = tests/unit/test_conform_server.c
tests_unit_test_conform_server_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_conform_server_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
# After all others: each row of the table has a test that passed.
TESTS += tests/system/conformance.sh
EXTRA_DIST += tests/system/conformance.sh tests/CONFORMANCE.md
tests/system/conformance.log: $(TEST_LOGS:tests/system/conformance.log=)
