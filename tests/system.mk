# Tests of system.
