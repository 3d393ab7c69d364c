# Tests of map.
MAP_TESTS = tests/unit/test_map tests/unit/test_map_oracle
MAP_SYSTEM_TESTS = tests/system/map-nat.sh
check_PROGRAMS += $(MAP_TESTS)
TESTS += $(MAP_TESTS) $(MAP_SYSTEM_TESTS)
EXTRA_DIST += $(MAP_SYSTEM_TESTS) tests/golden/map-nat.json tests/golden/map-softwire.json tests/golden/map-rules.json tests/golden/map-events.jsonl \
	tests/golden/map-cases.jsonl
tests_unit_test_map_SOURCES = tests/unit/test_map.c tests/unit/map_case.c tests/unit/map_case.h
tests_unit_test_map_CPPFLAGS = $(MAP_CPPFLAGS)
tests_unit_test_map_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_map_LDADD = $(MAP_LIBS) $(CMOCKA_LIBS)
tests_unit_test_map_oracle_SOURCES = tests/unit/test_map_oracle.c tests/unit/map_case.c tests/unit/map_case.h
tests_unit_test_map_oracle_CPPFLAGS = $(MAP_CPPFLAGS)
tests_unit_test_map_oracle_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_map_oracle_LDADD = $(MAP_LIBS) $(CMOCKA_LIBS)
