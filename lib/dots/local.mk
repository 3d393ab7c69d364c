# The protocol as data: pure, no file descriptor, `now` is an argument.
noinst_LIBRARIES += %D%/libdots.a
%C%_libdots_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(CBOR_CFLAGS)
%C%_libdots_a_SOURCES = \
	%D%/body.h \
	%D%/cbor.h \
	%D%/cuid.c %D%/cuid.h \
	%D%/envelope.h \
	%D%/json.h \
	%D%/mitigation.h \
	%D%/portset.h \
	%D%/sigconf.h \
	%D%/validate.h
# A program that never calls the CBOR codec does not get it, nor libcbor.
DOTS_LIBS = lib/dots/libdots.a
