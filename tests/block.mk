# Tests of block.
