# dotsch-serverd: main.c, and everything else as a library for the tests.
noinst_LIBRARIES += %D%/libserverd.a
%C%_libserverd_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(READLINE_CFLAGS) $(LIBNL_CFLAGS)
%C%_libserverd_a_SOURCES = \
	%D%/attach.c %D%/attach.h \
	%D%/audit.c %D%/audit.h \
	%D%/child.c %D%/child.h \
	%D%/command.c %D%/command.h \
	%D%/consent.c %D%/consent.h \
	%D%/control.c %D%/control.h \
	%D%/core.h \
	%D%/credential.c %D%/credential.h \
	%D%/emit.c %D%/emit.h \
	%D%/feedback.c %D%/feedback.h \
	%D%/keep.c %D%/keep.h \
	%D%/mitigate.c %D%/mitigate_put.c %D%/mitigate.h \
	%D%/notify.c %D%/notify.h \
	%D%/outcome.c %D%/outcome.h \
	%D%/path.c %D%/path.h \
	%D%/policy.c %D%/policy.h \
	%D%/settings_policy.c \
	%D%/pipeline.c %D%/pipeline.h \
	%D%/listener.c %D%/listener.h \
	%D%/peer.c %D%/peer.h %D%/peer_private.h \
	%D%/peer_called.c %D%/peer_dial.c %D%/peer_move.c %D%/peer_session.c \
	%D%/preset.c %D%/preset.h \
	%D%/rate.c %D%/rate.h \
	%D%/redirect.c %D%/redirect.h \
	%D%/relay.c %D%/relay.h \
	%D%/reload.c %D%/server_private.h \
	%D%/repl.c %D%/repl.h \
	%D%/reply.c %D%/reply.h \
	%D%/resource.c %D%/resource.h \
	%D%/interface.c %D%/interface.h \
	%D%/server.c %D%/server.h \
	%D%/settings.c %D%/settings.h %D%/settings_base.c %D%/settings_peer.c %D%/settings_private.h \
	%D%/show.c %D%/show.h \
	%D%/sigconfig.c %D%/sigconfig.h \
	%D%/ledger.c %D%/ledger.h \
	%D%/stages.c %D%/stages.h \
	%D%/unsaved.c %D%/unsaved.h \
	%D%/view.c %D%/view.h \
	%D%/words.c %D%/words.h
SERVERD_LIBS = dotsch-serverd/libserverd.a $(LINK_LIBS) $(STORE_LIBS) $(DOTS_LIBS) $(BASE_LIBS) $(CBOR_LIBS) $(READLINE_LIBS) $(LIBNL_LIBS)

sbin_PROGRAMS += %D%/dotsch-serverd
%C%_dotsch_serverd_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
%C%_dotsch_serverd_SOURCES = %D%/main.c
%C%_dotsch_serverd_LDADD = $(SERVERD_LIBS)
