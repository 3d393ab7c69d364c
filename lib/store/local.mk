# What must survive: the one door to SQLite.
noinst_LIBRARIES += %D%/libstore.a
%C%_libstore_a_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) -pthread
%C%_libstore_a_SOURCES = %D%/reader.c %D%/store.c %D%/store.h %D%/writer.c %D%/private.h
STORE_LIBS = lib/store/libstore.a $(SQLITE_LIBS)
