#!/bin/sh
# run.sh SCRIPT ARGUMENT…: a browser test, with node. Without node it is skipped (77),
# where a browser is required it fails.
if ! command -v node >/dev/null; then
  echo "no node" >&2
  [ "${RTPRESTREAM_REQUIRE_BROWSER:-}" = 1 ] && exit 1
  exit 77
fi
cd "$(dirname "$0")" || exit 1
exec node "$@"
