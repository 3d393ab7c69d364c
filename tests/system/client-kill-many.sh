#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The same two hundred times, over TLS.
KILLS=${KILLS:-200} TRANSPORT=tcp exec /bin/sh "${top_srcdir:-.}/tests/system/client-kill.sh"
