# Tests for tests/CONFORMANCE.md alone: rules that stand in no other area's tests.
CONFORM_TESTS = tests/unit/test_conform_server tests/unit/test_conform_link tests/unit/test_conform_client tests/unit/test_conform_calls
check_PROGRAMS += $(CONFORM_TESTS)
TESTS += $(CONFORM_TESTS)
tests_unit_test_conform_server_SOURCES = tests/unit/test_conform_server.c
tests_unit_test_conform_server_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_conform_server_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
tests_unit_test_conform_link_SOURCES = tests/unit/test_conform_link.c $(PAIR_FILES)
tests_unit_test_conform_link_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_conform_link_LDFLAGS = $(WRAP_CLOCK)
tests_unit_test_conform_link_LDADD = $(SESSION_LIBS)
tests_unit_test_conform_client_SOURCES = tests/unit/test_conform_client.c tests/unit/client_fake.c tests/unit/client_fake.h tests/unit/wire.c tests/unit/wire.h
tests_unit_test_conform_client_CFLAGS = $(UNIT_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_conform_client_LDFLAGS = $(WRAP_CLOCK)
tests_unit_test_conform_client_LDADD = $(CLIENT_TEST_LIBS) $(SQLITE_LIBS)
tests_unit_test_conform_calls_SOURCES = tests/unit/test_conform_calls.c
tests_unit_test_conform_calls_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_conform_calls_LDFLAGS = $(WRAP_CLOCK) -Wl,--wrap=tls_random
tests_unit_test_conform_calls_LDADD = $(SERVERD_LIBS) $(CMOCKA_LIBS)
TESTS += tests/system/conform-foreign.sh
EXTRA_DIST += tests/system/conform-foreign.sh
# After all others: each row of the table has a test that passed.
TESTS += tests/system/conformance.sh
EXTRA_DIST += tests/system/conformance.sh tests/CONFORMANCE.md
tests/system/conformance.log: $(TEST_LOGS:tests/system/conformance.log=)
