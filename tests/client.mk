# Tests of client.
CLIENT_TESTS = tests/unit/test_peers tests/unit/test_client
check_PROGRAMS += $(CLIENT_TESTS)
TESTS += $(CLIENT_TESTS)
tests_unit_test_peers_SOURCES = tests/unit/test_peers.c
tests_unit_test_peers_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_peers_LDADD = dotsch-client/libclient.a $(DOTS_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
CLIENT_TEST_LIBS = $(CLIENT_LIBS) $(CMOCKA_LIBS)
tests_unit_test_client_SOURCES = tests/unit/test_client.c tests/unit/client_fake.c tests/unit/client_fake.h tests/unit/wire.c tests/unit/wire.h
tests_unit_test_client_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_client_LDFLAGS = $(WRAP_CLOCK)
tests_unit_test_client_LDADD = $(CLIENT_TEST_LIBS)
CLIENT_SYSTEM_TESTS = tests/system/client-decode.sh tests/system/client-agent.sh tests/system/client-prompt.sh
TESTS += $(CLIENT_SYSTEM_TESTS)
EXTRA_DIST += $(CLIENT_SYSTEM_TESTS) tests/golden/decode-vectors
