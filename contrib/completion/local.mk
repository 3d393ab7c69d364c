# Completion for bash and zsh, made from the programs' own tables.
BASH_COMPLETION = %D%/bash/dotsch-client %D%/bash/dotsch-serverd %D%/bash/dotsch-map %D%/bash/dotsch-block
COMPLETION_TABLES = dotsch-client/main.c dotsch-client/words.c dotsch-serverd/main.c dotsch-serverd/words.c dotsch-map/options.c dotsch-block/options.c \
	dotsch-block/plan_text.c lib/base/cli.c
bashcompletiondir = $(datarootdir)/bash-completion/completions
nodist_bashcompletion_DATA = $(BASH_COMPLETION)
zshcompletiondir = $(datarootdir)/zsh/site-functions
nodist_zshcompletion_DATA = %D%/zsh/_dotsch
$(BASH_COMPLETION): %D%/generate $(COMPLETION_TABLES)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SHELL) $(srcdir)/%D%/generate $(srcdir) bash $(@F) >$@.tmp && mv $@.tmp $@
%D%/zsh/_dotsch: %D%/generate $(COMPLETION_TABLES)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SHELL) $(srcdir)/%D%/generate $(srcdir) zsh >$@.tmp && mv $@.tmp $@
CLEANFILES += $(BASH_COMPLETION) %D%/zsh/_dotsch
EXTRA_DIST += %D%/generate
