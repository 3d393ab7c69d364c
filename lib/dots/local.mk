# The protocol as data: pure, no file descriptor, `now` is an argument.
noinst_LIBRARIES += %D%/libdots.a
%C%_libdots_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(CBOR_CFLAGS)
%C%_libdots_a_SOURCES = \
	%D%/body.c %D%/body.h \
	%D%/cbor.h \
	%D%/cbor_config.c \
	%D%/cbor_decode.c \
	%D%/cbor_encode.c \
	%D%/cbor_map.c \
	%D%/cbor_parts.h \
	%D%/cbor_stream.c %D%/cbor_stream.h \
	%D%/compare.c \
	%D%/cuid.c %D%/cuid.h \
	%D%/envelope.c %D%/envelope.h \
	%D%/field.c %D%/field.h \
	%D%/json.c %D%/json.h \
	%D%/json_config.c \
	%D%/json_parts.h \
	%D%/json_read.c \
	%D%/json_write.c \
	%D%/keys.c %D%/keys.h \
	%D%/label.c %D%/label.h \
	%D%/mitigation.c %D%/mitigation.h \
	%D%/portset.c %D%/portset.h \
	%D%/sigconf.c %D%/sigconf.h \
	%D%/validate.c %D%/validate.h
# A program that never calls the CBOR codec does not get it, nor libcbor: those that do add $(CBOR_LIBS).
DOTS_LIBS = lib/dots/libdots.a
