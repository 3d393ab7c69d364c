/* SPDX-License-Identifier: GPL-3.0-or-later */
/* client_lines - what the tests of dotsch-client's agent ask for: the usual attack from the first router. */
#ifndef TESTS_CLIENT_LINES_H
#define TESTS_CLIENT_LINES_H

#define TARGET "\"target-prefix\":[\"203.0.113.9/32\"],\"target-protocol\":[17]"
#define SOURCE "\"ietf-dots-call-home:source-prefix\":[\"100.64.8.21/32\"],\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":5000}]"
#define SCOPE(x) "\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{" x "}]}"
#define MITIGATE(ref, more) "{\"type\":\"mitigate\",\"ref\":\"" ref "\"," more SCOPE(TARGET "," SOURCE ",\"lifetime\":1800") "}"

#define LAB_TEST(name, fn) { name, fn, lab_setup, lab_teardown, NULL }

#endif
