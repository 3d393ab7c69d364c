# What any daemon needs; knows nothing of DOTS.
noinst_LIBRARIES += %D%/libbase.a
%C%_libbase_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(CONFUSE_CFLAGS) $(SECCOMP_CFLAGS)
%C%_libbase_a_SOURCES = \
	%D%/addr.c %D%/addr.h \
	%D%/buf.c %D%/buf.h \
	%D%/cli.c %D%/cli.h \
	%D%/conf.c %D%/conf.h \
	%D%/host.c %D%/host.h \
	%D%/json.c %D%/json.h \
	%D%/limits.h \
	%D%/line.c %D%/line.h \
	%D%/log.c %D%/log.h \
	%D%/loop.c %D%/loop.h \
	%D%/priv.c %D%/priv.h \
	%D%/reason.c %D%/reason.h \
	%D%/service.c %D%/service.h \
	%D%/utf8.c %D%/utf8.h \
	%D%/when.c %D%/when.h
BASE_LIBS = lib/base/libbase.a $(JANSSON_LIBS) $(CONFUSE_LIBS)
