#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every offer of tests/negotiation against a live sink: answered as its index says, nobody dies of it."""

import json
import os
import time
import urllib.parse

from harness import MAY_LOSE, SOURCE, Feed, Launch, Viewers, check, http, run

# The index speaks of a transport that takes every header extension it knows; webrtcbin takes none,
# native one, so that two meanings of another one's number do not matter.
# None at all is answered by a counter-offer, as one is that has no section for the stream.
ANOTHER_STATUS = {"odd/extmap-conflict.sdp": 201, "odd/empty.sdp": 406}


def index():
    folder = os.path.join(SOURCE, "tests/negotiation")
    with open(os.path.join(folder, "index.tsv"), encoding="utf-8") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                name, verdict, status = line.rstrip("\n").split("\t")[:3]
                with open(os.path.join(folder, name), "rb") as offer:
                    yield name, verdict, ANOTHER_STATUS.get(name, int(status)), offer.read()


def test():
    launch = Launch()
    feed = Feed(launch.port)
    launch.wait_stream()
    # He must not notice what follows.
    watcher = Viewers(launch.url, 1)
    watcher.wait_events("media")

    wrong, slowest = [], 0.0
    for name, verdict, wanted, offer in index():
        start = time.monotonic()
        status, headers, body = http("POST", launch.url, offer, "application/sdp")
        slowest = max(slowest, time.monotonic() - start)
        check(launch.alive(), f"{name} ended the process\n{launch.tail()}")
        if status != wanted:
            wrong.append(f"{name}: {status}, the index says {wanted}: {body[:200]!r}")
        if status == 201:
            if name in ANOTHER_STATUS:
                verdict = "video+audio"
            check(headers["Content-Type"] == "application/sdp", f"{name}: {headers['Content-Type']}")
            answer = body.decode()
            sending = answer.count("a=sendonly")
            if status == wanted and sending != len(verdict.split("+")):
                wrong.append(f"{name}: {sending} media sent, the index says {verdict}")
            session = urllib.parse.urljoin(launch.url, headers["Location"])
            check(http("DELETE", session)[0] == 200, f"{name}: DELETE")
            check(http("DELETE", session)[0] == 404, f"{name}: DELETE again")
        elif verdict == "no_receiver" or name == "odd/empty.sdp":
            check(headers["Content-Type"].startswith("application/sdp;"), f"{name}: {headers['Content-Type']}")
            check(body.count(b"a=sendonly") == 2, f"{name}: {body!r}")
            check(http("DELETE", urllib.parse.urljoin(launch.url, headers["Location"]))[0] == 200, f"{name}: DELETE")
        else:
            check(400 <= status < 500, f"{name}: {status}")
            check(headers["Content-Type"] == "application/problem+json", f"{name}: {headers['Content-Type']}")
            problem = json.loads(body)
            check(problem["status"] == status and problem["detail"], f"{name}: {problem}")
    print(f"slowest answer: {slowest:.3f} s")
    check(not wrong, "\n".join(wrong))

    check(feed.alive(), "FFmpeg ended")
    watcher.send(15)
    report, = watcher.finish()
    check((report["lost"] == 0 or MAY_LOSE) and not report["closed_by_server"], f"the other viewer noticed: {report}")
    launch.interrupt()
    check(launch.wait() == 0, "gst-launch failed\n" + launch.tail())


run(test)
