#!/bin/sh
# The reporter's screen, the same on every guest: the workload loops on top, `ps` watches it in the middle, and a
# prepared `kill -9` waits in the bottom pane, which has the focus.
# usage: view.sh FOLDER PROCESS COMMAND
#   FOLDER   where the command runs
#   PROCESS  how its command line starts, such as "npm ci"
#   COMMAND  what is run again and again
set -eu
cd "$1"
process=$2
command=$3
# A socket of its own: a tmux of the user's stays as it is.
tmux() { command tmux -L dstate-view -f /dev/null "$@"; }

# In single quotes, so that watch looks for the process anew each second.
listing="ps u -p \"\$(pgrep -d , -f \"^$process\")\" 2>/dev/null || echo no $process"
top=$(tmux new-session -d -P -F '#{pane_id}' -s view -x "${COLUMNS:-80}" -y "${LINES:-24}" \
  "while :; do $command; echo \"ended with exit code \$?\"; sleep 1; done")
middle=$(tmux split-window -v -P -F '#{pane_id}' -t "$top" -l 66% \
  "watch -t -n 1 '$listing'")
bottom=$(tmux split-window -v -P -F '#{pane_id}' -t "$middle" -l 50%)
tmux set-option -t view remain-on-exit on
tmux set-option -t view mouse on
# What is typed before the shell's prompt would be shown twice.
tries=0
until tmux capture-pane -p -t "$bottom" | grep -q . || [ "$tries" -ge 50 ]; do
  tries=$((tries + 1))
  sleep 0.1
done
# Typed, not run: Enter is the reader's.
tmux send-keys -t "$bottom" -l "kill -9 \$(pgrep -o -f '^$process')"
tmux select-pane -t "$bottom"
[ "${DSTATE_VIEW_DETACHED:-}" = 1 ] || tmux attach-session -t view
