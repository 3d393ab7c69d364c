/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keys - the CBOR keys of DOTS: number, name, type, where each may stand and who may send it (RFC 9132, Table 5; RFC 9066, Table 1). */
#ifndef DOTS_KEYS_H
#define DOTS_KEYS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	KEY_MITIGATION_SCOPE = 1, KEY_SCOPE, KEY_CDID, KEY_CUID, KEY_MID, KEY_TARGET_PREFIX, KEY_TARGET_PORT_RANGE, KEY_LOWER_PORT, KEY_UPPER_PORT,
	KEY_TARGET_PROTOCOL, KEY_TARGET_FQDN, KEY_TARGET_URI, KEY_ALIAS_NAME, KEY_LIFETIME, KEY_MITIGATION_START, KEY_STATUS, KEY_CONFLICT_INFORMATION,
	KEY_CONFLICT_STATUS, KEY_CONFLICT_CAUSE, KEY_RETRY_TIMER, KEY_CONFLICT_SCOPE, KEY_ACL_LIST, KEY_ACL_NAME, KEY_ACL_TYPE, KEY_BYTES_DROPPED,
	KEY_BPS_DROPPED, KEY_PKTS_DROPPED, KEY_PPS_DROPPED, KEY_ATTACK_STATUS, KEY_SIGNAL_CONFIG, KEY_SID, KEY_MITIGATING_CONFIG, KEY_HEARTBEAT_INTERVAL,
	KEY_MAX_VALUE, KEY_MIN_VALUE, KEY_CURRENT_VALUE, KEY_MISSING_HB_ALLOWED, KEY_MAX_RETRANSMIT, KEY_ACK_TIMEOUT, KEY_ACK_RANDOM_FACTOR,
	KEY_MAX_VALUE_DECIMAL, KEY_MIN_VALUE_DECIMAL, KEY_CURRENT_VALUE_DECIMAL, KEY_IDLE_CONFIG, KEY_TRIGGER_MITIGATION, KEY_REDIRECTED_SIGNAL,
	KEY_ALT_SERVER, KEY_ALT_SERVER_RECORD, KEY_HEARTBEAT, KEY_PROBING_RATE, KEY_PEER_HB_STATUS,
	KEY_SOURCE_PREFIX = 0x8000, KEY_SOURCE_PORT_RANGE, KEY_SOURCE_ICMP_TYPE_RANGE, KEY_LOWER_TYPE, KEY_UPPER_TYPE,
	KEY_ALT_CH_CLIENT, KEY_ALT_CH_CLIENT_RECORD, KEY_TTL,
};

/* The maps of a DOTS body. */
enum place {
	PLACE_TOP = 1 << 0, PLACE_MITIGATION = 1 << 1, PLACE_SCOPE = 1 << 2, PLACE_PORT_RANGE = 1 << 3, PLACE_ICMP_RANGE = 1 << 4, PLACE_CONFLICT = 1 << 5,
	PLACE_CONFLICT_SCOPE = 1 << 6, PLACE_ACL = 1 << 7, PLACE_CONFIG = 1 << 8, PLACE_CONFIG_SET = 1 << 9, PLACE_PARAM = 1 << 10,
	PLACE_PARAM_DECIMAL = 1 << 11, PLACE_REDIRECT = 1 << 12, PLACE_HEARTBEAT = 1 << 13,
};

enum key_type { KEY_UINT, KEY_INT /* lifetime: uint or -1 */, KEY_TEXT, KEY_BOOL, KEY_DECIMAL, KEY_MAP, KEY_LIST };
enum key_sender { SENT_IN_REQUEST = 1, SENT_IN_RESPONSE = 2, SENT_IN_BOTH = 3 };

struct dots_key {
	uint16_t key;
	enum key_type type;
	unsigned places;             /* bits of enum place; 0: never in a body */
	unsigned sender;             /* bits of enum key_sender */
	const char *name;            /* without the module's prefix */
	const char *section;
};

/* The key's row, or NULL when unknown to us. */
const struct dots_key *dots_key_find(uint64_t key);
/* Must an unknown key be refused (comprehension-required, RFC 9132, 6)? Numbers outside of every range are. */
bool dots_key_required(uint64_t key);
/* The container's name for people. */
const char *place_name(enum place place);

#endif
