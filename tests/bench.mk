# `make bench [BENCH=group]`: JSON lines on stdout, one a figure; what is built on the way is told on stderr.
# BENCH=hold100k takes more than ten minutes, and is no part of the others.
# A benchmark is tests/bench/bench_GROUP… in EXTRA_PROGRAMS, or a script of that name with .sh.
EXTRA_DIST += tests/bench/run tests/bench/bench_chain.sh
.PHONY: bench
bench:
	@list=; for p in $(EXTRA_PROGRAMS); do case $$p in tests/bench/bench_$(BENCH:hold100k=client)*) list="$$list $$p";; esac; done; $(MAKE) all $$list >&2
	@top_builddir='$(abs_top_builddir)' $(SHELL) $(srcdir)/tests/bench/run $(BENCH)
bench-clean:
	@for p in $(EXTRA_PROGRAMS); do case $$p in tests/bench/*) rm -f $$p;; esac; done
clean-local: bench-clean
.PHONY: bench-clean
