# Tests of map.
MAP_SYSTEM_TESTS = tests/system/map-nat.sh
EXTRA_DIST += $(MAP_SYSTEM_TESTS)
TESTS += $(MAP_SYSTEM_TESTS)
