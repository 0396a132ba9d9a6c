#!/bin/sh
# make-farm.sh SYSTEM_PLUGIN_DIR FARM: a folder of links to the few system plugins
# that the tests need. With all of the system's plugins the sanitizers fail on
# libraries that are none of ours (docs/testing.md).
set -eu
system=$1 farm=$2
mkdir -p "$farm"
for name in coreelements coretracers app udp rtp rtpmanager webrtc nice srtp dtls sctp \
  videotestsrc audiotestsrc videoparsersbad opus typefindfunctions; do
  file=$system/libgst$name.so
  if [ ! -e "$file" ]; then
    echo "make-farm: $file is missing: install GStreamer's base, good and bad plugins and gstreamer1.0-nice" >&2
    exit 1
  fi
  ln -sf "$file" "$farm/"
done
