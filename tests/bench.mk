# `make bench [BENCH=group]`: JSON lines on stdout, one a figure; what is built on the way is told on stderr.
# BENCH=hold100k takes more than ten minutes, BENCH=overload a minute or two; they are no part of the others.
# A benchmark is tests/bench/bench_GROUP… in EXTRA_PROGRAMS, or a script of that name with .sh.
EXTRA_DIST += tests/bench/run tests/bench/bench_chain.sh
.PHONY: bench
bench:
	@b='$(BENCH)'; case $$b in hold100k | overload) b=client;; esac; list=; for p in $(EXTRA_PROGRAMS); do case $$p in tests/bench/bench_$$b*) list="$$list $$p";; esac; done; $(MAKE) all $$list >&2
	@top_builddir='$(abs_top_builddir)' $(SHELL) $(srcdir)/tests/bench/run $(BENCH)
bench-clean:
	@for p in $(EXTRA_PROGRAMS); do case $$p in tests/bench/*) rm -f $$p;; esac; done
clean-local: bench-clean
.PHONY: bench-clean
