#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many processes, many calls, many restarts: how long others wait, and what is kept of memory.

Prints JSON. PROCESSES of real FFmpeg with tiny sources and a quarter as many that ignore SIGINT, CALLS of the
API, RESTARTS of one process: by environment, RTPRESTREAM_PROCESSES and so on.
"""

import concurrent.futures
import json
import os
import tempfile
import threading
import time

from daemon import Daemon, wait_until

PROCESSES = int(os.environ.get("RTPRESTREAM_PROCESSES", 150))
CALLS = int(os.environ.get("RTPRESTREAM_CALLS", 10000))
RESTARTS = int(os.environ.get("RTPRESTREAM_RESTARTS", 1000))


def ffmpeg_or_fake(folder):
    """One program for both kinds: what ignores SIGINT says so as its last argument."""
    path = os.path.join(folder, "ffmpeg")
    with open(path, "w") as script:
        script.write('#!/bin/sh\nfor last; do :; done\n'
                     'case $last in ignore | run) exec "%s" "$@" ;; *) exec ffmpeg "$@" ;; esac\n' % os.environ["FAKE_FFMPEG"])
    os.chmod(path, 0o755)
    return path


def tiny(ident):
    return {"id": ident, "input": [{"id": "in", "address": "color=size=16x16:rate=1", "options": ["-re", "-f", "lavfi"]}],
            "output": [{"id": "out", "address": "-", "options": ["-f", "null"]}], "options": ["-threads", "1"]}


def fake(ident, how, **members):
    return {"id": ident, "input": [{"id": "in", "address": "x"}], "output": [{"id": "out", "address": how}], **members}


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def resident_kb(pid):
    with open("/proc/%d/status" % pid) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def add(daemon, config):
    response = daemon.request("POST", "/api/v3/process", config)
    assert response.status == 200, response.body


def asked_while_others_stop(daemon):
    """GET state of running processes, while those that ignore SIGINT are being stopped."""
    running = ["run%d" % i for i in range(PROCESSES)]
    slow = ["slow%d" % i for i in range(PROCESSES // 3)]
    for ident in running:
        add(daemon, tiny(ident))
    for ident in slow:
        add(daemon, fake(ident, "ignore"))
    for ident in running + slow:
        wait_until(lambda: daemon.state(ident)["exec"] == "running", ident + " to run")
    times, stopping = [], threading.Event()
    stopping.set()

    def ask():
        i = 0
        while stopping.is_set():
            i += 1
            began = time.monotonic()
            assert daemon.process(running[i % len(running)], "/state").status == 200
            times.append(time.monotonic() - began)
            time.sleep(0.005)

    asker = threading.Thread(target=ask)
    asker.start()
    with concurrent.futures.ThreadPoolExecutor(len(slow)) as pool:
        began = time.monotonic()
        for response in pool.map(lambda ident: daemon.command(ident, "stop"), slow):
            assert response.status == 200, response.body
        took = time.monotonic() - began
    stopping.clear()
    asker.join()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda ident: daemon.request("DELETE", "/api/v3/process/" + ident), running + slow))
    return {"processes": len(running) + len(slow), "stopped": len(slow), "stops_took_s": round(took, 2), "asked": len(times),
            "state_ms": {"p50": round(1000 * quantile(times, 0.5), 2), "p99": round(1000 * quantile(times, 0.99), 2),
                         "max": round(1000 * max(times), 2)}}


def memory_of(daemon, what, count, call):
    """Resident memory after a tenth, a half and all of the calls."""
    kept = []
    for i in range(count):
        call(i)
        if i + 1 in (count // 10, count // 2, count):
            time.sleep(11)  # what is swept, is swept by then
            kept.append(resident_kb(daemon.child.pid))
    return {"what": what, "count": count, "resident_kb": kept}


def main():
    with tempfile.TemporaryDirectory(prefix="rtprestreamd-bench-") as folder:
        daemon = Daemon(os.environ["RTPRESTREAMD"], ffmpeg_or_fake(folder), CORE_LOG_LEVEL="info")
        try:
            report = {"others": asked_while_others_stop(daemon)}
            print(json.dumps(report), flush=True)
            add(daemon, fake("one", "run", reconnect=True, reconnect_delay_seconds=0))
            paths = ["", "/one", "/one/state", "/one/report", "/one/config"]
            report["calls"] = memory_of(daemon, "calls", CALLS,
                                        lambda i: daemon.request("GET", "/api/v3/process" + paths[i % len(paths)]))
            print(json.dumps(report["calls"]), flush=True)

            def restart(_):
                assert daemon.command("one", "restart").status == 200
                wait_until(lambda: daemon.state("one")["exec"] == "running", "the restart")

            report["restarts"] = memory_of(daemon, "restarts", RESTARTS, restart)
            print(json.dumps(report["restarts"]), flush=True)
            assert daemon.stop() == 0
        finally:
            daemon.clean_up()


if __name__ == "__main__":
    main()
