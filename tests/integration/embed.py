#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""embed.py c|cpp PROGRAM: the programs of docs/examples with real FFmpeg and real viewers."""

import os
import re
import signal
import sys
import tempfile

from harness import BUILD, Feed, Process, Viewers, check, free_port, run

OFFER_VIEWER = os.path.join(BUILD, "tests/support/restream-test-offer-viewer")
which, program = sys.argv[1:3]


def bound_port(process):
    def bound(lines):
        for line in lines:
            found = re.match(r"bound video-port=(\d+) audio-port=(\d+)", line)
            if found:
                video, audio = map(int, found.groups())
                check(audio == video + 1, f"no pair: {line}")
                return video
        return None
    return process.wait_for(bound, "the port")


def says(process, pattern):
    return process.wait_for(lambda lines: any(re.search(pattern, line) for line in lines), pattern)


def ends_well(process, number):
    process.send(number)
    status = process.wait()
    check(status == 0, f"{process.name} ended with {status}\n{process.tail()}")


def refuses(*options):
    process = Process("refused", [program, *options])
    status = process.wait()
    check(status == 2, f"{options}: ended with {status}\n{process.tail()}")


def no_stream(number):
    """Ends as well when nothing has ever come."""
    if which == "c":
        process = Process("embed", [program, f"--whep-port={free_port()}"])
    else:
        process = Process("embed", [program, "/nonexistent/offer"])
    bound_port(process)
    ends_well(process, number)


def port_taken():
    """Exit status 1, and the reason."""
    first = Process("embed", [program, *([f"--whep-port={free_port()}"] if which == "c" else ["/nonexistent/offer"])])
    port = bound_port(first)
    second = Process("second", [program, f"--rtp-port={port}",
                                *([f"--whep-port={free_port()}"] if which == "c" else ["/nonexistent/offer"])])
    status = second.wait()
    check(status == 1, f"ended with {status}\n{second.tail()}")
    check(any(str(port) in line for line in second.lines()), "the port is not named\n" + second.tail())
    ends_well(first, signal.SIGINT)


def serves_whep():
    whep_port = free_port()
    process = Process("embed", [program, f"--whep-port={whep_port}"])
    feed = Feed(bound_port(process))
    # Before there is a stream the server refuses.
    says(process, r"^stats .*video-in=[1-9]")
    viewers = Viewers(f"http://127.0.0.1:{whep_port}/whep", 2, options=["--exit-when-closed"])
    viewers.wait_events("media")
    says(process, r"^viewer-added v")
    says(process, r"^stats viewers=2 connected=2 .*sent=[1-9]")
    check(feed.alive(), "FFmpeg ended")
    ends_well(process, signal.SIGTERM)
    for report in viewers.finish():
        check(report["closed_by_server"], f"viewer {report['viewer']} was not told")
        check(report["video"]["starts_with_keyframe"], f"viewer {report['viewer']}: no keyframe first")
    says(process, r"^viewer-removed v")


def answers_files():
    with tempfile.TemporaryDirectory() as folder:
        offers = [os.path.join(folder, name) for name in ("one.sdp", "two.sdp", "bad.sdp")]
        process = Process("embed", [program, *offers])
        viewers = [Process(f"viewer {n}", [OFFER_VIEWER, offer]) for n, offer in enumerate(offers[:2])]
        Feed(bound_port(process))
        for viewer in viewers:
            says(viewer, "^media$")
        says(process, r"^answered .*one\.sdp viewer-id=v")
        with open(offers[2] + ".part", "w", encoding="ascii") as offer:
            offer.write("v=0\r\nthis is no offer\r\n")
        os.rename(offers[2] + ".part", offers[2])
        says(process, r"^refused .*bad\.sdp: 400 ")
        ends_well(process, signal.SIGINT)
        for viewer in viewers:
            status = viewer.wait()
            check(status == 0, f"{viewer.name} ended with {status}\n{viewer.tail()}")


def test():
    refuses("--rtp-port=65535", "x")
    refuses("--no-such-option")
    no_stream(signal.SIGINT)
    no_stream(signal.SIGTERM)
    port_taken()
    if which == "c":
        serves_whep()
    else:
        answers_files()


run(test)
