# dotsch-client: everything but main.c is a library, so that tests and fuzzers link it.
noinst_LIBRARIES += %D%/libclient.a
%C%_libclient_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(READLINE_CFLAGS)
%C%_libclient_a_SOURCES = \
	%D%/agent.c %D%/agent.h \
	%D%/answer.c %D%/answer.h \
	%D%/ask.c %D%/ask.h \
	%D%/attach.c %D%/attach.h \
	%D%/callhome.c %D%/callhome.h \
	%D%/command.c %D%/command.h \
	%D%/complete.c %D%/complete.h \
	%D%/config.c %D%/config.h \
	%D%/console.c %D%/console.h \
	%D%/control.c %D%/control.h \
	%D%/decode.c %D%/decode.h \
	%D%/dialled.c %D%/dialled.h \
	%D%/help.c %D%/help.h \
	%D%/hold.c %D%/hold.h \
	%D%/inquiry.c %D%/inquiry.h \
	%D%/ledger.c %D%/ledger.h \
	%D%/merge.c %D%/merge.h \
	%D%/log_tap.c %D%/log_tap.h \
	%D%/mitigations.c %D%/mitigations.h \
	%D%/names.c %D%/names.h \
	%D%/notice.c %D%/notice.h \
	%D%/peer_command.c %D%/peer_command.h \
	%D%/peer_server.c %D%/peer_server.h \
	%D%/keys.c %D%/keys.h \
	%D%/peer.c %D%/peer.h \
	%D%/peers.c %D%/peers.h \
	%D%/plan.c \
	%D%/repl.c %D%/repl.h \
	%D%/request_command.c %D%/request_command.h \
	%D%/send.c %D%/send.h \
	%D%/slots.c %D%/slots.h \
	%D%/state.c %D%/state.h \
	%D%/pipe.c %D%/pipe.h \
	%D%/origin.c %D%/origin.h \
	%D%/tell.c %D%/tell.h \
	%D%/terminal.c %D%/terminal.h \
	%D%/text.c %D%/text.h \
	%D%/times.c %D%/times.h \
	%D%/unite.c %D%/unite.h \
	%D%/uri.h \
	%D%/watch.c %D%/watch.h \
	%D%/words.c %D%/words.h
CLIENT_LIBS = dotsch-client/libclient.a $(STORE_LIBS) $(LINK_LIBS) $(DOTS_LIBS) $(BASE_LIBS) $(CBOR_LIBS) $(READLINE_LIBS)
bin_PROGRAMS += %D%/dotsch-client
%C%_dotsch_client_SOURCES = %D%/main.c
%C%_dotsch_client_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
%C%_dotsch_client_LDADD = $(CLIENT_LIBS)
