# The signal channel: GnuTLS below, libcoap messages above.
noinst_LIBRARIES += %D%/liblink.a
%C%_liblink_a_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS) $(COAP_CFLAGS) $(CARES_CFLAGS)
%C%_liblink_a_SOURCES = \
	%D%/block.c \
	%D%/channel.h %D%/channel.c %D%/channel_start.h \
	%D%/dial.c %D%/dial.h \
	%D%/dial_destination.c \
	%D%/dial_names.c %D%/dial_names.h \
	%D%/dial_pace.c \
	%D%/dial_service.c %D%/dial_internal.h \
	%D%/dtls.c %D%/dtls.h \
	%D%/dtls_table.c %D%/dtls_table.h \
	%D%/exchange.c \
	%D%/heartbeat.c \
	%D%/listen.c %D%/listen.h %D%/listen_internal.h \
	%D%/listen_graves.c \
	%D%/listen_socket.c \
	%D%/listen_tcp.c \
	%D%/listen_udp.c \
	%D%/message.c %D%/message.h \
	%D%/observe.c \
	%D%/penalty.c %D%/penalty.h \
	%D%/psk.c %D%/psk.h \
	%D%/session.c %D%/session_incoming.c %D%/session_private.h \
	%D%/session.h \
	%D%/stream.c %D%/stream.h \
	%D%/tls.c %D%/tls.h %D%/tls_internal.h \
	%D%/tls_cookie.c \
	%D%/tls_peer.c \
	%D%/tls_policy.c \
	%D%/tls_session.c %D%/tls_session.h \
	%D%/tls_ticket.c \
	%D%/tls_words.c
# A session speaks CBOR (heartbeats): libdots and libcbor come along; $(BASE_LIBS) follows.
LINK_LIBS = lib/link/liblink.a lib/dots/libdots.a $(GNUTLS_LIBS) $(COAP_LIBS) $(CARES_LIBS) $(CBOR_LIBS)
