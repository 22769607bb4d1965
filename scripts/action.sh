#!/usr/bin/env bash
# What the GitHub Action runs: one dstate command with its reports, then the page of its run. The exit code is the
# command's own. DSTATE_COMMAND: the words after `dstate`. DSTATE_REPORTS: a folder for what is uploaded.
set -uo pipefail
dstate="$(cd "$(dirname "$0")/.." && pwd)/bin/dstate.mjs"
reports="${DSTATE_REPORTS:-dstate-reports}"
export DSTATE_LOGS="${DSTATE_LOGS:-$PWD/dstate-logs}"
mkdir -p "$reports"
# Words, as a shell would split them, but nothing in them is run.
if ! split="$(xargs -n1 printf '%s\n' <<<"${DSTATE_COMMAND:?say which command}")"; then
  echo "dstate: the command cannot be split into words: $DSTATE_COMMAND" >&2
  exit 2
fi
mapfile -t words <<<"$split"
report=(--report "junit=$reports/junit.xml" --report "ctrf=$reports/ctrf.json")
[ -n "${GITHUB_STEP_SUMMARY:-}" ] && report+=(--report "summary=$GITHUB_STEP_SUMMARY")
# Options end where a command for the guest begins.
for index in "${!words[@]}"; do
  if [ "${words[$index]}" = "--" ]; then
    words=("${words[@]:0:$index}" "${report[@]}" "${words[@]:$index}")
    report=()
    break
  fi
done
node "$dstate" "${words[@]}" "${report[@]}"
code=$?
# A usage error made no run.
[ "$code" = 2 ] || node "$dstate" show --out "$reports/page.html" || true
exit "$code"
