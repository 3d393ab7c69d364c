/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limits - every cap of the project, each with its reason. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* One JSON line: a mitigation of 100,000 sources is about 3 MB; dotsch-lines(5) promises 8 MiB. */
#define LINE_MAX_BYTES ((size_t)8 << 20)
/* Output nobody reads: 64 full lines, then the sender is told to wait. */
#define LINE_OUT_MAX ((size_t)64 << 20)
/* JSON nesting: the deepest DOTS document has 7 levels. */
#define JSON_MAX_DEPTH 32

/* CBOR nesting: the deepest DOTS body (conflict-scope acl-list) has 7 levels. */
#define CBOR_MAX_DEPTH 16
/* A DOTS message as it arrives: a UDP datagram, or a TCP frame, we never take more. */
#define DOTS_MESSAGE_MAX ((size_t)65535)
/* Entries of one list of a mitigation on the wire: what fits a message of the size above. */
#define MITIGATION_MAX_WIRE_ENTRIES 8192
/* Entries of one list in a line: one request may carry 100,000 sources into the kernel. */
#define MITIGATION_MAX_LINE_ENTRIES 131072
/* Scopes of one answer (a GET of everything). */
#define DOTS_MAX_SCOPES 65536
/* Text of one FQDN (RFC 1035), and of a URI or an alias. */
#define NAME_MAX_BYTES 253
#define TEXT_MAX_BYTES 1024
/* A cuid SHOULD have 22 characters (RFC 9132, 4.4.1.1); longer ones are legal. */
#define CUID_MAX_BYTES 64
/* `ref` of a line: the sender's own correlation string. */
#define REF_MAX_BYTES 128
/* Peer and provider names in configurations and lines. */
#define PEER_NAME_MAX 253

/* Handshakes a listener has under way at a time, about 12 kB each: of ten thousand routers that call at once hardly one has to try again. */
#define LISTEN_HALF_OPEN 8192
/* Full handshakes a listener begins a second; bursts of twice that. A core does no more with PSK, so this only bounds what one part of the network, with a
   quarter of it, may take from the others. */
#define LISTEN_RATE 8000
/* So many failed authentications of one address within so long, and it gets no full handshake for as long. A router with a wrong key calls less often. */
#define LISTEN_PENALTY_AFTER 8
#define LISTEN_PENALTY_S 300
/* Addresses that something is held against, 130 bytes each; past it the one that failed longest ago is let go. */
#define LISTEN_SUSPECTS 16384
/* Bytes of a TCP channel that its peer has not read yet; more is a peer that is stuck. */
#define STREAM_OUT_MAX ((size_t)256 << 10)

/* CoAP payload that fits PMTU 1280 with IPv6, UDP, DTLS 1.2 and AEAD overhead (RFC 9132, 7.3). */
#define COAP_DATAGRAM_MAX 1152
/* NON requests: at most one per 3 s to a peer without an RTT estimate (RFC 8085, RFC 9132 4.4). */
#define COAP_NON_INTERVAL_MS 3000
/* Requests of ours under way on one session: a provider that asks a router for a thousand mitigations at once, each one then observed. */
#define SESSION_MAX_EXCHANGES 4096
/* Requests of the peer that wait for an answer (each keeps its message): more are told 5.03. */
#define SESSION_MAX_PENDING 128
/* CON answers of ours that nobody has acknowledged: each lives 45 s. */
#define SESSION_MAX_SEPARATE 32
/* Message IDs remembered per session: what one request per 3 s brings in within EXCHANGE_LIFETIME (247 s) is 82. */
#define SESSION_MAX_SEEN 96
/* Observations of one session: a client observes all of its mitigations by one, or some of them each. */
#define SESSION_MAX_OBSERVERS 256
/* An answer in blocks, kept for its reader or put together by him: DOTS_MAX_SCOPES mitigations of 60 bytes. */
#define BLOCK_ANSWER_MAX ((size_t)4 << 20)
/* Such answers kept per session: mitigations and configuration. */
#define BLOCK_MAX_KEPT 2

#endif
