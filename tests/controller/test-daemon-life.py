# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon and its children: start, failure, every way to end."""

import os
import signal
import socket
import subprocess
import unittest
import uuid

from daemon import DaemonTest, process_ids_with, wait_until


class Life(DaemonTest):
    def running(self, daemon, ident, how="run"):
        """A running process whose arguments hold a text of their own."""
        marker = "marker-" + uuid.uuid4().hex
        self.add(daemon, ident, how, options=[marker])
        wait_until(lambda: daemon.state(ident)["progress"]["frame"] > 0, "frames")
        self.assertEqual(len(process_ids_with(marker)), 1 if how != "fork" else 2)
        return marker

    def test_signals_stop_everything(self):
        for number in [signal.SIGINT, signal.SIGTERM]:
            with self.subTest(signal=number):
                d = self.daemon()
                markers = [self.running(d, "p%d" % i) for i in range(3)]
                self.assertEqual(d.stop(number), 0)
                for marker in markers:
                    self.assertEqual(process_ids_with(marker), [])

    def test_second_signal_does_not_wait(self):
        d = self.daemon()
        marker = self.running(d, "p", "ignore")
        d.child.send_signal(signal.SIGTERM)
        wait_until(lambda: any(line.endswith("stopping") for line in d.log), "the stop")
        self.assertEqual(d.stop(signal.SIGTERM), 0)
        self.assertEqual(process_ids_with(marker), [])
        self.assertFalse(any("killing it" in line for line in d.log))

    def test_killed_daemon_leaves_no_child(self):
        d = self.daemon()
        markers = [self.running(d, "p%d" % i, how) for i, how in enumerate(["run", "ignore", "run"])]
        d.child.kill()
        d.child.wait()
        for marker in markers:
            wait_until(lambda: process_ids_with(marker) == [], "the children to end")

    def test_killed_daemon_leaves_no_real_ffmpeg(self):
        d = self.daemon(binary="ffmpeg")
        marker = "marker-" + uuid.uuid4().hex
        config = self.config("p", input=[{"address": "testsrc=size=64x64:rate=10", "options": ["-re", "-f", "lavfi"]}],
                             output=[{"address": "-", "options": ["-metadata", "title=" + marker, "-f", "null"]}])
        response = d.request("POST", "/api/v3/process", config)
        self.assertEqual(response.status, 200, response.body)
        wait_until(lambda: d.state("p")["progress"]["frame"] > 3, "frames")
        self.assertEqual(len(process_ids_with(marker)), 1)
        d.child.kill()
        d.child.wait()
        wait_until(lambda: process_ids_with(marker) == [], "FFmpeg to end")

    def test_grandchildren_end_with_the_process(self):
        d = self.daemon()
        marker = self.running(d, "p", "fork")
        self.assertEqual(d.request("DELETE", "/api/v3/process/p").status, 200)
        wait_until(lambda: process_ids_with(marker) == [], "the family to end")

    def test_missing_binary(self):
        d = self.daemon(binary="/does/not/exist/ffmpeg")
        self.add(d, "p")
        state = d.state("p")
        self.assertEqual((state["order"], state["exec"]), ("start", "failed"))
        self.assertIn("/does/not/exist/ffmpeg", state["last_logline"])
        self.assertEqual(d.request("DELETE", "/api/v3/process/p").status, 200)

    def test_exit_codes(self):
        d = self.daemon()
        for how, state in [("exit:0", "finished"), ("exit:255", "finished"), ("exit:1", "failed"),
                           ("crash", "killed")]:
            self.add(d, how, how)
            d.wait_state(how, state)

    def test_flood_and_binary(self):
        d = self.daemon()
        self.add(d, "flood", "flood")
        self.add(d, "binary", "binary")
        wait_until(lambda: d.state("binary")["progress"]["frame"] > 0, "frames")
        report = d.process("flood", "/report").json
        self.assertLessEqual(len(report["log"]), 50)
        self.assertEqual(report["log"][-1][1], "flood flood flood flood flood flood flood flood")
        self.assertEqual(d.process("binary", "/report").json["log"][-1][1], "after")
        self.assertEqual(d.request("DELETE", "/api/v3/process/flood").status, 200)

    def test_descriptors_do_not_grow(self):
        d = self.daemon()
        count = lambda: len(os.listdir("/proc/%d/fd" % d.child.pid))
        def cycle():
            self.add(d, "p", "exit:0")
            self.assertEqual(d.request("DELETE", "/api/v3/process/p").status, 200)
        for _ in range(5):
            cycle()
        before = count()
        for _ in range(50):
            cycle()
        wait_until(lambda: count() <= before + 1, "descriptors to be closed")

    def test_port_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            result = subprocess.run([self.program], capture_output=True, text=True, timeout=30,
                                    env=dict(os.environ, CORE_ADDRESS="127.0.0.1:%d" % taken.getsockname()[1]))
        self.assertEqual(result.returncode, os.EX_UNAVAILABLE)
        self.assertIn("cannot listen on 127.0.0.1:", result.stderr)

    def run_program(self, *arguments, **environment):
        return subprocess.run([self.program, *arguments], capture_output=True, text=True, timeout=30,
                              env=dict(os.environ, **environment))

    def test_command_line(self):
        self.assertRegex(self.run_program("--version").stdout, r"^rtprestreamd \d")
        self.assertEqual(self.run_program("--nonsense").returncode, os.EX_USAGE)
        self.assertEqual(self.run_program("argument").returncode, os.EX_USAGE)
        self.assertEqual(self.run_program("--check-config").returncode, os.EX_OK)
        wrong = self.run_program("--check-config", CORE_ADDRESS="x", CORE_LOG_LEVEL="y")
        self.assertEqual(wrong.returncode, os.EX_CONFIG)
        self.assertEqual(len(wrong.stderr.splitlines()), 2)
        self.assertEqual(self.run_program("--config", "/does/not/exist").returncode, os.EX_CONFIG)
        self.assertIn("| `webrtc.enable` |", self.run_program("--list-settings").stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
