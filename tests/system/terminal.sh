# shellcheck shell=sh
# SPDX-License-Identifier: GPL-3.0-or-later
# terminal.sh - a terminal of 140 columns, through tmux: what is typed, and what stands on the screen. Wants lab.sh and tap.sh before it.
command -v tmux >/dev/null || skip_all 'tmux is not installed'
LC_ALL=C.UTF-8 TERM=screen HOME=$LAB NO_COLOR=1
export LC_ALL TERM HOME NO_COLOR
term() { tmux -S "$LAB/tmux" "$@"; }
# terminal COMMAND: its standard error goes to the file log, its exit code to the screen
terminal() { term -f /dev/null new-session -d -x 140 -y 40 "$1 2>log; echo rc \$?; exec sleep 1000" || skip_all 'tmux does not start'; }
screen() { term capture-pane -p -t 0 2>/dev/null; }
# shows PATTERN: whether it stands on the screen
shows() { screen | grep -Eq -- "$1"; }
# press KEY…: in the words of tmux
press() { term send-keys -t 0 "$@"; }
