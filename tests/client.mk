# Tests of client.
CLIENT_TESTS = tests/unit/test_peers
check_PROGRAMS += $(CLIENT_TESTS)
TESTS += $(CLIENT_TESTS)
tests_unit_test_peers_SOURCES = tests/unit/test_peers.c
tests_unit_test_peers_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_peers_LDADD = dotsch-client/libclient.a $(DOTS_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
