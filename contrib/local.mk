# Demo, quickstart and integrations.
EXTRA_DIST += contrib/quickstart contrib/demo/run
include contrib/demo/local.mk
