#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many viewers of one stream through gst-launch: prints rtprestream-load's table.

VIEWERS, SECONDS, KBPS, RATE and SRTP in the environment say otherwise than 100, 10, 2000, 20 and gcm.
"""

import os
import sys

from load_harness import EncodedFeed, Load, check
from harness import Launch, run


def test():
    viewers = int(os.environ.get("VIEWERS", "100"))
    seconds = float(os.environ.get("SECONDS", "10"))
    rate = float(os.environ.get("RATE", "20"))
    kbps = int(os.environ.get("KBPS", "2000"))
    needed = 30 + 2 * (viewers / rate + seconds)
    launch = Launch(f"max-viewers={viewers}")
    # Encoded once for all runs of this length.
    EncodedFeed(launch.port, sys.argv[1], kbps, seconds=60 * (1 + int(needed // 60)))
    launch.wait_stream()
    load = Load("--url", launch.url, "--viewers", viewers, "--rate", rate, "--seconds", seconds,
                "--srtp", os.environ.get("SRTP", "gcm"), "--pid", launch.pid, timeout=60 + 2 * needed)
    print(load.out, load.err, sep="", flush=True)
    check(load.status == 0, f"status {load.status}\n{launch.tail()}")


run(test)
