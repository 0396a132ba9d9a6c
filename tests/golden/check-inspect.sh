#!/bin/sh
# check-inspect.sh ELEMENT GOLDEN: compares what gst-inspect-1.0 says of ELEMENT
# with the file GOLDEN, without what differs from machine to machine. The
# element's properties and pads are its interface: a difference is a change of
# it, to be wanted and told in CHANGELOG.md. To accept it:
#   check-inspect.sh --update ELEMENT GOLDEN
set -eu
update=no
if [ "$1" = --update ]; then
  update=yes
  shift
fi
element=$1 golden=$2
actual=$(mktemp)
trap 'rm -f "$actual"' EXIT

# The values of statistics are no interface; what they hold is documented.
LC_ALL=C GST_INSPECT_NO_COLORS=1 gst-inspect-1.0 --no-colors "$element" >"$actual.raw" || {
  rm -f "$actual.raw"
  echo "check-inspect: gst-inspect-1.0 does not know $element" >&2
  exit 1
}
sed -E \
  -e '/^  (Filename|Version|Source release date|Origin URL|Binary package) /d' \
  -e '/^ {40,}[a-z-]+: .*(guint64|structure)/d' \
  -e 's/[[:space:]]+$//' "$actual.raw" >"$actual"
rm -f "$actual.raw"

if [ $update = yes ]; then
  cp "$actual" "$golden"
  exit 0
fi
diff -u "$golden" "$actual" || {
  echo "check-inspect: the interface of $element has changed" >&2
  exit 1
}
