#!/bin/sh
# Workload A: what the reporter ran, npm ci in a loop, from a cache that is on this disk.
# usage: npm-ci.sh ROUNDS, in the project's folder
set -eu
round=1
while [ "$round" -le "$1" ]; do
  rm -rf node_modules
  npm ci --offline --ignore-scripts --no-audit --no-fund --cache ../npm-cache
  echo "round $round of $1"
  round=$((round + 1))
done
