#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""So many viewers that the stream's thread and the I/O threads share each picture: all get all of it, in order, once."""

import sys

from load_harness import EncodedFeed, Load
from harness import MAY_LOSE, Launch, check, run

VIEWERS = 60  # of pictures of eight packets
ATTEMPTS = 4  # a starved machine loses packets, whoever sends them


def measured(launch):
    load = Load("--url", launch.url, "--viewers", VIEWERS, "--rate", 40, "--seconds", 3, "--json", "-", timeout=120)
    check(load.status == 0, f"{load.says()}\n{launch.tail()}")
    report = load.json()
    check(report["joins"]["ok"] == VIEWERS, load.says())
    media = report["media"]
    check(media["viewers"] == VIEWERS and media["silent_viewers"] == 0, load.says())
    check(media["duplicates"] == 0, load.says())
    # A second has 50 packets of audio and 30 pictures.
    whole = media["packets"] > VIEWERS * media["seconds"] * (50 + 30 * 5)
    return load, whole and media["lost"] == 0


def test():
    launch = Launch(f"max-viewers={VIEWERS}")
    EncodedFeed(launch.port, sys.argv[1], 2000, seconds=120)
    launch.wait_stream()
    for _ in range(ATTEMPTS):
        load, whole = measured(launch)
        if whole or MAY_LOSE:
            return
    check(False, f"{ATTEMPTS} times something was lost, at last:\n{load.says()}\n{launch.tail()}")


run(test)
