#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The whole chain over DTLS with raw public keys (RFC 7250): a real flood stops in the router's kernel, and comes back after the withdrawal.
set -u
. "${top_srcdir:-.}/tests/system/chain-form.sh"
chain_form "$0" udp raw
