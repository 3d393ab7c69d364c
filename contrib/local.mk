# Demo, quickstart and integrations.
include contrib/demo/local.mk
