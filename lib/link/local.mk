# The signal channel: GnuTLS below, libcoap messages above.
noinst_LIBRARIES += %D%/liblink.a
%C%_liblink_a_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS) $(COAP_CFLAGS) $(CARES_CFLAGS)
%C%_liblink_a_SOURCES = \
	%D%/block.c \
	%D%/channel.h %D%/channel.c \
	%D%/dial.h \
	%D%/listen.h \
	%D%/exchange.c \
	%D%/heartbeat.c \
	%D%/message.c %D%/message.h \
	%D%/observe.c \
	%D%/session.c %D%/session_incoming.c %D%/session_private.h \
	%D%/session.h \
	%D%/tls.h
# A session speaks CBOR (heartbeats): libdots and libcbor come along; $(BASE_LIBS) follows.
LINK_LIBS = lib/link/liblink.a lib/dots/libdots.a $(GNUTLS_LIBS) $(COAP_LIBS) $(CARES_LIBS) $(CBOR_LIBS)
