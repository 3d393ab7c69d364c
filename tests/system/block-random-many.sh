#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The same with so many requests that they share their targets, and are told apart by their sources.
REQUESTS=${REQUESTS:-200} exec /bin/sh "${top_srcdir:-.}/tests/system/block-random.sh"
