# dotsch-block: requests into the kernel, and what was dropped back.
noinst_LIBRARIES += %D%/libblock.a
%C%_libblock_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(LIBNL_CFLAGS) $(SECCOMP_CFLAGS)
%C%_libblock_a_SOURCES = \
	%D%/apply.c %D%/apply.h \
	%D%/block.c %D%/block.h \
	%D%/check.c \
	%D%/dispatch.c %D%/dispatch.h \
	%D%/enforce.c %D%/enforce.h \
	%D%/flows.c %D%/flows.h \
	%D%/follow.c \
	%D%/kernel.h \
	%D%/links.c %D%/links.h \
	%D%/mark.c \
	%D%/mitigate.c \
	%D%/nft.c %D%/nft.h \
	%D%/nft_batch.c \
	%D%/nft_dump.c \
	%D%/nft_private.h \
	%D%/nft_rule.c \
	%D%/options.c %D%/options.h \
	%D%/plan.c %D%/plan.h \
	%D%/plan_text.c \
	%D%/policy.c %D%/policy.h \
	%D%/probe.c %D%/probe.h \
	%D%/ranges.c %D%/ranges.h \
	%D%/reconcile.c \
	%D%/repair.c \
	%D%/request.c %D%/request.h \
	%D%/role.c %D%/role.h \
	%D%/route.c %D%/route.h \
	%D%/rules.c %D%/rules.h \
	%D%/rules_change.c \
	%D%/sets.c %D%/sets.h \
	%D%/sandbox.c %D%/sandbox.h \
	%D%/show.c %D%/show.h \
	%D%/status.c \
	%D%/table.c %D%/table.h \
	%D%/takeover.c \
	%D%/watch.c %D%/watch.h
BLOCK_LIBS = dotsch-block/libblock.a $(DOTS_LIBS) $(BASE_LIBS) $(LIBNL_LIBS) $(SECCOMP_LIBS)

sbin_PROGRAMS += %D%/dotsch-block
%C%_dotsch_block_SOURCES = %D%/main.c
%C%_dotsch_block_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
%C%_dotsch_block_LDADD = $(BLOCK_LIBS)
