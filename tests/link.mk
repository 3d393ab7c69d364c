# Tests of link.

# Messages and sessions.
MESSAGE_TESTS = tests/unit/test_message tests/fuzz/fuzz_message
check_PROGRAMS += $(MESSAGE_TESTS)
TESTS += $(MESSAGE_TESTS)
tests_unit_test_message_SOURCES = tests/unit/test_message.c
tests_unit_test_message_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_message_LDADD = $(LINK_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz_message.c $(FUZZ_MAIN)
tests_fuzz_fuzz_message_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_message_LDADD = $(LINK_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/message
