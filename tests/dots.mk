# Tests of lib/dots.
DOTS_TESTS = tests/unit/test_dots_json tests/unit/test_envelope tests/unit/test_mitigation tests/unit/test_validate
check_PROGRAMS += $(DOTS_TESTS)
TESTS += $(DOTS_TESTS)
tests_unit_test_dots_json_SOURCES = tests/unit/test_dots_json.c
tests_unit_test_dots_json_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_dots_json_LDADD = $(DOTS_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_envelope_SOURCES = tests/unit/test_envelope.c
tests_unit_test_envelope_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_envelope_LDADD = $(DOTS_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_mitigation_SOURCES = tests/unit/test_mitigation.c
tests_unit_test_mitigation_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_mitigation_LDADD = $(DOTS_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_validate_SOURCES = tests/unit/test_validate.c
tests_unit_test_validate_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_validate_LDADD = $(DOTS_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
