#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the daemon keeps: over a restart, a crash, a full disk, and a file that it cannot read."""

import http.client
import json
import os
import random
import resource
import signal
import subprocess
import threading
import unittest

from daemon import Daemon, DaemonTest, process_ids_with, wait_until


class StateTest(DaemonTest):
    def file(self, daemon):
        return os.path.join(daemon.folder, "db.json")

    def stored(self, daemon):
        with open(self.file(daemon)) as f:
            return json.load(f)

    def again(self, daemon, **environment):
        """Another daemon on the folder of one that has ended."""
        return self.daemon(folder=daemon.folder, **environment)

    def put_metadata(self, daemon, path, value):
        response = daemon.request("PUT", "/api/v3" + path, json.dumps(value), {"Content-Type": "application/json"})
        self.assertEqual(response.status, 200, response.body)

    def test_everything_comes_back(self):
        d = self.daemon()
        marker = "marker-%d" % d.port
        self.add(d, "runs/ü", options=[marker], reference="r", reconnect=True, reconnect_delay_seconds=7,
                 limits={"cpu_usage": 12.5, "memory_mbytes": 1000, "waitfor_seconds": 3}, stale_timeout_seconds=100,
                 webrtc={"token": "secret", "video_codec": "vp9"})
        self.add(d, "stopped")
        self.add(d, "never", autostart=False)
        self.add(d, "gone")
        self.assertEqual(d.command("stopped", "stop").status, 200)
        self.assertEqual(d.request("DELETE", "/api/v3/process/gone").status, 200)
        self.put_metadata(d, "/process/stopped/metadata/key", {"a": [1.5, None]})
        self.put_metadata(d, "/metadata/ui", "text")
        before = {p["id"]: p for p in d.request("GET", "/api/v3/process?filter=config,metadata").json}
        self.assertEqual(sorted(before), ["never", "runs/ü", "stopped"])
        self.assertEqual(os.stat(self.file(d)).st_mode & 0o7777, 0o600)
        self.assertEqual(d.stop(), 0)
        self.assertEqual(process_ids_with(marker), [])
        stored = self.stored(d)
        self.assertEqual(stored["version"], 4)
        self.assertEqual({i: p["order"] for i, p in stored["process"].items()},
                         {"never": "stop", "runs/ü": "start", "stopped": "stop"})
        self.assertEqual(stored["process"]["runs/ü"]["config"]["webrtc"]["token"], "secret")
        self.assertEqual(stored["process"]["runs/ü"]["config"]["limit_memory_bytes"], 1000 * 1024 * 1024)

        e = self.again(d)
        e.wait_state("runs/ü", "running")
        self.assertEqual(len(process_ids_with(marker)), 1)
        after = {p["id"]: p for p in e.request("GET", "/api/v3/process?filter=config,metadata").json}
        self.assertEqual(after, before)
        self.assertEqual(e.state("stopped")["exec"], "finished")
        self.assertEqual(e.request("GET", "/api/v3/metadata/ui").json, "text")
        # Its new name is all that is left, and outlives a crash.
        response = e.request("PUT", "/api/v3/process/runs%2F%C3%BC", {"id": "renamed"})
        self.assertEqual(response.status, 200, response.body)
        e.child.kill()
        e.child.wait()
        wait_until(lambda: process_ids_with(marker) == [], "FFmpeg to end with the daemon")
        f = self.again(d)
        f.wait_state("renamed", "running")
        self.assertEqual(f.process("runs/ü").status, 404)
        self.assertEqual(f.process("renamed").json["config"]["webrtc"]["video_codec"], "vp9")

    def test_killed_at_random(self):
        kills = int(os.environ.get("RTPRESTREAM_TEST_DAEMON_KILLS", "6"))
        folder_of = self.daemon()
        folder_of.stop()
        expected = {}  # by id: the references that it may have, None = there is none
        for _ in range(kills):
            d = self.again(folder_of)
            marker = "marker-%d-" % d.port
            enough = threading.Event()
            acknowledged = []

            def client(number):
                for n in range(100000):
                    ident = "p%d-%d" % (number, random.randrange(4))
                    known = expected.get(ident, {None})
                    reference = marker + str(n)
                    body = self.config(ident, reference=reference, options=[marker])
                    exists = known != {None}
                    delete = exists and random.random() < 0.3
                    method = "DELETE" if delete else "PUT" if exists else "POST"
                    path = "/api/v3/process" + ("/" + ident if exists else "")
                    expected[ident] = known | {None if delete else reference}
                    try:
                        response = d.request(method, path, None if delete else body)
                    except (OSError, http.client.HTTPException, ValueError):
                        return  # killed meanwhile: either may be
                    assert response.status == 200, response.body
                    expected[ident] = {None if delete else reference}
                    acknowledged.append(ident)
                    if len(acknowledged) > 10:
                        enough.set()

            threads = [threading.Thread(target=client, args=(i,)) for i in range(3)]
            for thread in threads:
                thread.start()
            self.assertTrue(enough.wait(30))
            enough.wait(random.random() / 10)
            d.child.kill()
            d.child.wait()
            for thread in threads:
                thread.join()
            wait_until(lambda: process_ids_with(marker) == [], "FFmpeg to end with the daemon")
            e = self.again(folder_of)
            self.assertFalse([line for line in e.log if "kept as" in line])
            now = {p["id"]: p["reference"] for p in e.request("GET", "/api/v3/process").json}
            for ident, may in expected.items():
                self.assertIn(now.get(ident), may, ident)
                expected[ident] = {now.get(ident)}
            self.assertEqual(e.stop(), 0)
            wait_until(lambda: process_ids_with(marker) == [], "FFmpeg to end")

    def test_full_disk(self):
        d = self.daemon()
        self.add(d, "p")
        self.add(d, "q")
        before = self.stored(d)
        unlimited = resource.prlimit(d.child.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(d.child.pid, resource.RLIMIT_FSIZE, (100, unlimited[1]))
        new = self.config("new")
        response = d.request("POST", "/api/v3/process", new)
        self.assert_error(response, 503, "Invalid process config")
        self.assertIn("File too large", response.json["details"][0])
        self.assertEqual(d.process("new").status, 404)
        self.assertEqual(d.request("PUT", "/api/v3/process/p", {"reference": "x"}).status, 503)
        self.assertEqual(d.request("DELETE", "/api/v3/process/p").status, 500)
        self.assertEqual(d.process("p").json["reference"], "")
        self.assertEqual(d.state("p")["exec"], "running")
        # A stop happens all the same.
        self.assertEqual(d.command("q", "stop").status, 503)
        self.assertEqual((d.state("q")["order"], d.state("q")["exec"]), ("stop", "finished"))
        self.assertEqual(self.stored(d), before)
        resource.prlimit(d.child.pid, resource.RLIMIT_FSIZE, unlimited)
        # Now there is room, and the file follows without being asked.
        wait_until(lambda: self.stored(d)["process"]["q"]["order"] == "stop", "the stop to be stored")
        self.assertEqual(d.request("POST", "/api/v3/process", new).status, 200)
        self.assertEqual(sorted(self.stored(d)["process"]), ["new", "p", "q"])

    def store_by_hand(self, text):
        d = self.daemon()
        d.stop()
        with open(self.file(d), "w") as f:
            f.write(text if isinstance(text, str) else json.dumps(text))
        return d

    def test_invalid_processes(self):
        good = {"id": "good", "input": [{"id": "i", "address": "x"}], "output": [{"id": "o", "address": "run"}]}
        twice = dict(good, input=good["input"] * 2)
        d = self.again(self.store_by_hand({"version": 4, "process": {
            "good": {"order": "start", "config": good}, "twice": {"order": "start", "config": twice},
            "odd": {"order": "start", "config": {"input": 7}}, "gone": {"order": "start", "config": twice}}}))
        d.wait_state("good", "running")
        for ident, why in [("twice", "the input ID 'i' is already in use for the process `twice`"),
                           ("odd", "cannot be read from the state file: input: list expected")]:
            state = d.state(ident)
            self.assertEqual((state["order"], state["exec"]), ("start", "failed"))
            self.assertEqual(state["last_logline"], why)
            self.assertIsInstance(state["command"], list)
            self.assert_error(d.command(ident, "start"), 400, "Command failed", [why])
        self.assertEqual(d.request("DELETE", "/api/v3/process/gone").status, 200)
        self.assertEqual(self.stored(d)["process"]["odd"]["config"], {"input": 7})
        for ident in ["twice", "odd"]:
            response = d.request("PUT", "/api/v3/process/" + ident, {
                "input": [{"id": "i", "address": "x"}], "output": [{"id": "o", "address": "run"}]})
            self.assertEqual(response.status, 200, response.body)
            if ident == "twice":
                continue
            d.wait_state(ident, "running")

    def test_unreadable_file(self):
        d = self.store_by_hand('{"version": 4, "process": {"a"')
        e = self.again(d)
        self.assertEqual(e.request("GET", "/api/v3/process").json, [])
        kept = [name for name in os.listdir(d.folder) if name.startswith("db.json.unreadable-")]
        self.assertEqual(len(kept), 1)
        self.assertTrue([line for line in e.log if kept[0] in line])
        self.add(e, "p")
        self.assertEqual(list(self.stored(e)["process"]), ["p"])

    def refused(self, folder):
        result = subprocess.run([self.program], capture_output=True, text=True, timeout=30,
                                env=dict(os.environ, CORE_DB_DIR=folder, CORE_ADDRESS="127.0.0.1:0"))
        self.assertEqual(result.returncode, os.EX_UNAVAILABLE)
        return result.stderr

    def test_refusals(self):
        d = self.store_by_hand({"version": 3})
        self.assertIn("unsupported version of the state file (want: 4, have: 3)", self.refused(d.folder))
        self.assertEqual(self.stored(d), {"version": 3})
        e = self.daemon()
        self.assertIn("another daemon keeps its state in " + e.folder, self.refused(e.folder))
        self.add(e, "p")
        self.assertIn("cannot make the folder", self.refused(self.file(e) + "/below"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
