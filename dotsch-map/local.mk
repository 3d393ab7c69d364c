# dotsch-map: external to internal addresses. Links neither libcoap, GnuTLS nor libcbor.
noinst_LIBRARIES += %D%/libmap.a
bin_PROGRAMS += %D%/dotsch-map
MAP_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(LIBNL_CFLAGS) $(YAJL_CFLAGS)
MAP_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/%D%
%C%_libmap_a_CFLAGS = $(MAP_CFLAGS)
%C%_libmap_a_SOURCES = \
	%D%/answer.c %D%/answer.h \
	%D%/builder.c %D%/builder.h \
	%D%/certainty.c %D%/certainty.h \
	%D%/conntrack.c %D%/conntrack.h \
	%D%/export.c %D%/export.h \
	%D%/filter.c %D%/filter.h \
	%D%/follow.c %D%/follow.h \
	%D%/hosts.c %D%/hosts.h \
	%D%/hostset.c %D%/hostset.h \
	%D%/index.c \
	%D%/intern.c %D%/intern.h \
	%D%/keep.c %D%/keep.h \
	%D%/leases.c %D%/leases.h \
	%D%/load.c %D%/load.h \
	%D%/lookup.c %D%/lookup.h \
	%D%/nat_json.c %D%/nat_json.h \
	%D%/nat_key.c %D%/nat_key.h \
	%D%/nat_parse.h %D%/nat_values.c \
	%D%/options.c %D%/options.h \
	%D%/resolve.c %D%/resolve.h %D%/resolve_rules.c \
	%D%/rewrite.c %D%/rewrite.h \
	%D%/rules.c %D%/rules.h \
	%D%/snapshot.c %D%/snapshot.h \
	%D%/stage.h %D%/stage_conntrack.c %D%/stage_tables.c \
	%D%/table.c %D%/table.h \
	%D%/wide.c %D%/wide.h
MAP_LIBS = %D%/libmap.a $(DOTS_LIBS) $(BASE_LIBS) $(YAJL_LIBS) $(LIBNL_LIBS)
%C%_dotsch_map_SOURCES = %D%/main.c
%C%_dotsch_map_CFLAGS = $(MAP_CFLAGS)
%C%_dotsch_map_LDADD = $(MAP_LIBS)
