# Tests of lib/dots.
