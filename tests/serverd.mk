# Tests of serverd.
