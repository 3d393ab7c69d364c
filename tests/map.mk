# Tests of map.
