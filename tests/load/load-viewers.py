#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""rtprestream-load against gst-launch: all viewers get media, the report is complete, SIGINT ends it early."""

import os
import signal
import subprocess
import time

from load_harness import LOAD, Load
from harness import DEADLINE, MAY_LOSE, TRANSPORT, Feed, Launch, check, run


def check_distribution(parent, name, count):
    d = parent[name]
    check(d["count"] == count, f"{name}: {d}")
    check(d["min"] <= d["p50"] <= d["p95"] <= d["p99"] <= d["max"], f"{name}: {d}")
    check(d["min"] <= d["mean"] <= d["max"], f"{name}: {d}")
    return d


def measured(launch):
    load = Load("--url", launch.url, "--viewers", 5, "--seconds", 3, "--rate", 10, "--full", 2,
                "--json", "-", "--pid", launch.pid)
    check(load.status == 0, load.says())
    report = load.json()
    check(report["ok"] is True and report["url"] == launch.url and report["srtp"] == "any", load.says())
    check(report["interrupted"] is False, load.says())

    joins = report["joins"]
    check(joins["requested"] == joins["started"] == joins["ok"] == 5, load.says())
    check(joins["failed"] == joins["ended_early"] == 0, load.says())
    check(joins["failures"] == joins["delete_failures"] == [], load.says())
    steps = [check_distribution(joins, name, 5)
             for name in ("answer_ms", "ice_ms", "dtls_ms", "first_packet_ms", "first_keyframe_ms")]
    check(steps[0]["min"] > 0, "an answer before the question")
    check(steps[1]["min"] > steps[0]["min"], "ICE before the answer")
    check(steps[3]["min"] > steps[1]["min"], "media before ICE")

    media = report["media"]
    check(media["viewers"] == 5 and media["silent_viewers"] == 0, load.says())
    check(media["seconds"] > 2.9, load.says())  # timers have their grain
    # Audio alone has 50 packets a second.
    check(media["packets"] > 5 * 3 * 50 or MAY_LOSE, load.says())
    check(media["bytes"] > 12 * media["packets"], load.says())
    check(media["lost"] == 0 or MAY_LOSE, load.says())
    check(media["duplicates"] == 0, load.says())
    check(media["unknown_payload_types"] == media["refused"] == 0, load.says())
    # Two of five decrypt everything.
    check(0 < media["decrypted"] < media["packets"], load.says())
    for name in ("jitter_video_ms", "jitter_audio_ms", "lag_growth_ms", "delay_spread_ms", "round_trip_ms"):
        check_distribution(media, name, 5)

    check(report["client"]["threads"] >= 1, load.says())
    check(report["client"]["socket_drops"] == 0 or MAY_LOSE, load.says())
    server = report["server"]
    check(server["threads"] >= 1 and server["rss_bytes"] > 1e6, load.says())
    check(server["cpu_percent"] >= 0 and server["cpu_us_per_packet"] >= 0, load.says())


def encrypted(launch, kind, folder):
    if kind == "gcm" and TRANSPORT == "webrtcbin":
        # GStreamer's DTLS element does not offer it.
        load = Load("--url", launch.url, "--srtp", kind)
        check(load.status == 1 and "no SRTP profile in common" in load.out, load.says())
        return
    path = os.path.join(folder, f"load-{os.getpid()}.json")
    load = Load("--url", launch.url, "--seconds", 1, "--srtp", kind, "--json", path)
    check(load.status == 0, load.says())
    check("1 got media, 0 did not" in load.out, load.says())
    with open(path) as file:
        check(f'"srtp":"{kind}"' in file.read(), "no JSON in the file")
    os.unlink(path)


def interrupted(launch):
    """Ctrl-C: a report all the same, and no viewer stays behind."""
    load = subprocess.Popen([LOAD, "--url", launch.url, "--viewers", "2", "--seconds", "600"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + DEADLINE
        while not sockets_of(load):
            check(load.poll() is None and time.monotonic() < end, "no viewer begins")
            time.sleep(0.05)
        load.send_signal(signal.SIGINT)
        out, _ = load.communicate(timeout=DEADLINE)
    finally:
        load.kill()
        load.wait()
    check("interrupted" in out, out)


def sockets_of(process):
    folder = f"/proc/{process.pid}/fd"
    try:
        links = [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]
    except OSError:
        return 0
    return sum(link.startswith("socket:") for link in links)


def test():
    launch = Launch()
    Feed(launch.port)
    launch.wait_stream()
    measured(launch)
    for kind in ("gcm", "cm"):
        encrypted(launch, kind, os.environ.get("TMPDIR", "/tmp"))
    interrupted(launch)


run(test)
