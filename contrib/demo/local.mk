# The demo and its small programs, which the system tests use as well.
noinst_PROGRAMS += %D%/flood %D%/talk %D%/answer %D%/tap %D%/detect %D%/stamp
noinst_LIBRARIES += %D%/libdemo.a
%C%_libdemo_a_SOURCES = %D%/packet.c %D%/packet.h
DEMO_LIBS = %D%/libdemo.a $(BASE_LIBS)
%C%_flood_SOURCES = %D%/flood.c
%C%_flood_LDADD = $(DEMO_LIBS)
%C%_talk_SOURCES = %D%/talk.c
%C%_talk_LDADD = $(DEMO_LIBS)
%C%_answer_SOURCES = %D%/answer.c
%C%_answer_LDADD = $(DEMO_LIBS)
%C%_tap_SOURCES = %D%/tap.c
%C%_tap_LDADD = $(DEMO_LIBS)
%C%_detect_SOURCES = %D%/detect.c
%C%_detect_LDADD = $(DEMO_LIBS)
%C%_stamp_SOURCES = %D%/stamp.c
%C%_stamp_LDADD = $(DEMO_LIBS)
