#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An ordered stop with 20 viewers: each is told, by RTCP BYE and DTLS close_notify."""

from harness import MAY_LOSE, Feed, Launch, Viewers, check, run


def test():
    launch = Launch()
    Feed(launch.port)
    launch.wait_stream()
    # Twenty would be more than a small machine can carry with sanitizers in both processes.
    viewers = Viewers(launch.url, 5 if MAY_LOSE else 20, options=["--exit-when-closed"])
    viewers.wait_events("media")
    stopped = launch.interrupt()
    closed = viewers.wait_events("closed")
    times = sorted(event["closed_us"] / 1e6 - stopped for event in closed)
    print(f"closed after {times[0]:.3f} … {times[-1]:.3f} s")
    check(launch.wait() == 0, "gst-launch failed\n" + launch.tail())
    for report in viewers.finish():
        where = f"viewer {report['viewer']}: "
        check(report["closed_by_server"], where + "not closed")
        check(report["bye_us"] != 0, where + "no RTCP BYE")
        check(report["bye_us"] <= report["closed_us"], where + "BYE after the close")


run(test)
