#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# serverd-kill.sh with two hundred kills.
DOTSCH_KILLS=200
export DOTSCH_KILLS
exec sh "${top_srcdir:-.}/tests/system/serverd-kill.sh"
