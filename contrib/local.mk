# Demo, quickstart, the first run, and integrations.
EXTRA_DIST += .ci/run .shellcheckrc contrib/quickstart contrib/demo/run contrib/demo/README.md contrib/completion/README.md contrib/nat-events/README.md
# Scripts to run and to read, beside the documents.
examplesdir = $(docdir)/examples
dist_examples_SCRIPTS =
# The first run; packages link the two scripts to dotsch-setup-provider and dotsch-setup-router.
dist_pkgdata_SCRIPTS = contrib/setup-provider contrib/setup-router
# The form of the lines, for other programs.
dist_pkgdata_DATA = contrib/setup-lib.sh contrib/dotsch-lines.schema.json
include contrib/demo/local.mk
dist_examples_SCRIPTS += contrib/nat-events/nat-events
include contrib/completion/local.mk
include contrib/integrations.mk
openwrtdir = $(examplesdir)/openwrt
dist_openwrt_DATA = contrib/openwrt/README.md contrib/openwrt/dotsch.init
