# Tests of link.

# The transport: TLS, DTLS, dialling and listening.
TRANSPORT_TESTS = tests/unit/test_transport tests/unit/test_dtls tests/unit/test_stream tests/unit/test_listen tests/unit/test_penalty tests/unit/test_tls tests/unit/test_dial_names tests/unit/test_dial_pace tests/fuzz/fuzz_dtls
check_PROGRAMS += $(TRANSPORT_TESTS)
TESTS += $(TRANSPORT_TESTS)
tests_unit_test_transport_SOURCES = tests/unit/test_transport.c tests/unit/transport.c tests/unit/transport.h
tests_unit_test_transport_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_transport_LDADD = $(LINK_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_dtls_SOURCES = tests/unit/test_dtls.c tests/unit/transport.c tests/unit/transport.h
tests_unit_test_dtls_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_dtls_LDADD = $(LINK_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_stream_SOURCES = tests/unit/test_stream.c tests/unit/transport.c tests/unit/transport.h
tests_unit_test_stream_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_stream_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=when_boot_ms
tests_unit_test_stream_LDADD = $(LINK_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_listen_SOURCES = tests/unit/test_listen.c tests/unit/transport.c tests/unit/transport.h
tests_unit_test_listen_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_listen_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=accept4,--wrap=sendmsg,--wrap=recvmmsg
tests_unit_test_listen_LDADD = $(LINK_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_penalty_SOURCES = tests/unit/test_penalty.c
tests_unit_test_penalty_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_penalty_LDADD = $(LINK_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_tls_SOURCES = tests/unit/test_tls.c tests/unit/transport.c tests/unit/transport.h tests/unit/certs.c tests/unit/certs.h
tests_unit_test_tls_CFLAGS = $(UNIT_CFLAGS) $(GNUTLS_CFLAGS)
tests_unit_test_tls_LDADD = $(LINK_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_dial_names_SOURCES = tests/unit/test_dial_names.c tests/unit/transport.c tests/unit/transport.h
tests_unit_test_dial_names_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_dial_names_LDADD = $(LINK_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_dial_pace_SOURCES = tests/unit/test_dial_pace.c tests/unit/transport.c tests/unit/transport.h
tests_unit_test_dial_pace_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_dial_pace_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=when_boot_ms
tests_unit_test_dial_pace_LDADD = $(LINK_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_fuzz_fuzz_dtls_SOURCES = tests/fuzz/fuzz_dtls.c $(FUZZ_MAIN)
tests_fuzz_fuzz_dtls_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dtls_LDADD = $(LINK_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/dtls
EXTRA_PROGRAMS += tests/bench/bench_link
tests_bench_bench_link_SOURCES = tests/bench/bench_link.c tests/bench/link_floor.c tests/bench/link_floor.h tests/bench/swarm.c tests/bench/swarm.h tests/unit/certs.c tests/unit/certs.h
tests_bench_bench_link_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
tests_bench_bench_link_LDADD = $(LINK_LIBS) $(BASE_LIBS)

# Messages and sessions.
MESSAGE_TESTS = tests/unit/test_message tests/fuzz/fuzz_message
check_PROGRAMS += $(MESSAGE_TESTS)
TESTS += $(MESSAGE_TESTS)
tests_unit_test_message_SOURCES = tests/unit/test_message.c
tests_unit_test_message_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_message_LDADD = $(LINK_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz_message.c $(FUZZ_MAIN)
tests_fuzz_fuzz_message_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_message_LDADD = $(LINK_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/message
SESSION_TESTS = tests/fuzz/fuzz_session tests/unit/test_roles tests/unit/test_session tests/unit/test_session_observe tests/unit/test_session_heartbeat
check_PROGRAMS += $(SESSION_TESTS)
TESTS += $(SESSION_TESTS)
PAIR_FILES = tests/unit/pair.c tests/unit/pair.h tests/unit/wire.c tests/unit/wire.h
# The tests move the clock themselves: 450 s of silence pass in a blink.
WRAP_CLOCK = $(AM_LDFLAGS) -Wl,--wrap=when_boot_ms
SESSION_LIBS = $(LINK_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_roles_SOURCES = tests/unit/test_roles.c
tests_unit_test_roles_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_roles_LDADD = $(SESSION_LIBS)
tests_unit_test_session_SOURCES = tests/unit/test_session.c $(PAIR_FILES)
tests_unit_test_session_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_session_LDFLAGS = $(WRAP_CLOCK)
tests_unit_test_session_LDADD = $(SESSION_LIBS)
tests_unit_test_session_observe_SOURCES = tests/unit/test_session_observe.c $(PAIR_FILES)
tests_unit_test_session_observe_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_session_observe_LDFLAGS = $(WRAP_CLOCK)
tests_unit_test_session_observe_LDADD = $(SESSION_LIBS)
tests_unit_test_session_heartbeat_SOURCES = tests/unit/test_session_heartbeat.c $(PAIR_FILES)
tests_unit_test_session_heartbeat_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_session_heartbeat_LDFLAGS = $(WRAP_CLOCK)
tests_unit_test_session_heartbeat_LDADD = $(SESSION_LIBS)
tests_fuzz_fuzz_session_SOURCES = tests/fuzz/fuzz_session.c $(FUZZ_MAIN)
tests_fuzz_fuzz_session_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS) -Wl,--wrap=when_boot_ms,--wrap=session_random
tests_fuzz_fuzz_session_LDADD = $(LINK_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/session
