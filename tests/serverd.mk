# Tests of serverd.
SERVERD_TESTS = tests/unit/test_store
check_PROGRAMS += $(SERVERD_TESTS)
TESTS += $(SERVERD_TESTS)
tests_unit_test_store_SOURCES = tests/unit/test_store.c
tests_unit_test_store_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_store_LDADD = $(STORE_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
