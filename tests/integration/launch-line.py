#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The gst-launch line of the README, real FFmpeg, five viewers: they all see and hear it."""

import time

from harness import MAY_LOSE, Feed, Launch, Viewers, check, run


def test():
    launch = Launch()
    feed = Feed(launch.port)
    launch.wait_stream()
    viewers = Viewers(launch.url, 5)
    viewers.wait_events("media")
    # Some groups of pictures; nothing below depends on how many.
    time.sleep(3)
    check(launch.alive(), "gst-launch ended")
    check(feed.alive(), "FFmpeg ended")

    stopped = launch.interrupt()
    closed = viewers.wait_events("closed")
    for event in closed:
        late = event["closed_us"] / 1e6 - stopped
        print(f"viewer {event['viewer']} saw the close {late:.3f} s after the interrupt")
    check(launch.wait() == 0, "gst-launch failed\n" + launch.tail())
    viewers.send(15)
    for report in viewers.finish():
        where = f"viewer {report['viewer']}: "
        video, audio = report["video"], report["audio"]
        check(report["closed_by_server"], where + "not closed")
        check(report["lost"] == 0 or MAY_LOSE, where + f"{report['lost']} packets lost")
        for medium in (video, audio):
            check(medium["ssrc_changes"] == 0, where + "the SSRC changed")
            check(medium["timestamp_steps_back"] == 0, where + "timestamps went back")
            check(medium["duplicates"] == 0, where + "packets came twice")
        check(video["starts_with_keyframe"], where + "the first picture is no keyframe")
        check(video["keyframes"] >= 2 or MAY_LOSE, where + "keyframes are missing")
        check(audio["packets"] > 100, where + "hardly any sound")
        check(report["other_packets"] == 0, where + "packets that the answer does not know")
        check(report["delivered"] > 0, where + "webrtcbin gave nothing out")


run(test)
