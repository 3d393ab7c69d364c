# Demo, quickstart, the first run, and integrations.
EXTRA_DIST += .ci/run .shellcheckrc contrib/quickstart contrib/demo/run contrib/demo/README.md contrib/completion/README.md
# Scripts to run and to read, beside the documents.
examplesdir = $(docdir)/examples
# The first run: dotsch-setup-provider and dotsch-setup-router are links to the two scripts.
dist_pkgdata_SCRIPTS = contrib/setup-provider contrib/setup-router
# The form of the lines, for other programs.
dist_pkgdata_DATA = contrib/setup-lib.sh contrib/dotsch-lines.schema.json
include contrib/demo/local.mk
include contrib/completion/local.mk
include contrib/integrations.mk
openwrtdir = $(examplesdir)/openwrt
dist_openwrt_DATA = contrib/openwrt/README.md contrib/openwrt/dotsch.init
install-data-hook:
	$(MKDIR_P) '$(DESTDIR)$(sbindir)'
	for end in provider router; do \
		ln -s -f '$(pkgdatadir)'/setup-$$end '$(DESTDIR)$(sbindir)'/dotsch-setup-$$end && \
		ln -s -f dotsch-setup.8 '$(DESTDIR)$(man8dir)'/dotsch-setup-$$end.8 || exit; \
	done
uninstall-hook:
	for end in provider router; do rm -f '$(DESTDIR)$(sbindir)'/dotsch-setup-$$end '$(DESTDIR)$(man8dir)'/dotsch-setup-$$end.8; done
