# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes with real FFmpeg: progress, what is stale and what is not, probe, references, files."""

import os
import socket
import subprocess
import threading
import time
import unittest

from daemon import DaemonTest, wait_until

VIDEO = {"id": "v", "address": "testsrc=size=64x64:rate=25", "options": ["-re", "-f", "lavfi"]}
AUDIO = {"id": "a", "address": "sine=r=44100", "options": ["-re", "-f", "lavfi"]}
NULL = {"id": "null", "address": "-", "options": ["-f", "null"]}


class Processes(DaemonTest):
    def post(self, daemon, ident, inputs, outputs, **members):
        config = {"id": ident, "input": inputs, "output": outputs}
        config.update(members)
        response = daemon.request("POST", "/api/v3/process", config)
        self.assertEqual(response.status, 200, response.body)
        return response.json

    def real_daemon(self, **environment):
        return self.daemon(binary="ffmpeg", **environment)

    def wait_progress(self, daemon, ident, condition):
        return wait_until(lambda: (lambda p: p if condition(p) else None)(daemon.state(ident)["progress"]),
                          "progress of " + ident)

    def test_progress_by_streams(self):
        d = self.real_daemon()
        null2 = dict(NULL, id="second")
        self.post(d, "p", [VIDEO, AUDIO],
                  [dict(NULL, options=["-map", "0:v", "-c:v", "mpeg4", "-f", "null"]),
                   dict(null2, options=["-map", "0:v", "-map", "1:a", "-f", "null"])])
        progress = self.wait_progress(d, "p", lambda p: p["frame"] > 5)
        self.assertGreater(progress["fps"], 0)
        self.assertGreater(progress["time"], 0)
        self.assertGreater(progress["speed"], 0)
        self.assertEqual([(s["id"], s["index"], s["stream"], s["type"]) for s in progress["inputs"]],
                         [("v", 0, 0, "video"), ("a", 1, 0, "audio")])
        self.assertEqual([(s["id"], s["index"], s["stream"], s["type"]) for s in progress["outputs"]],
                         [("null", 0, 0, "video"), ("second", 1, 0, "video"), ("second", 1, 1, "audio")])
        video = progress["outputs"][0]
        self.assertEqual((video["codec"], video["coder"], video["width"], video["height"], video["pix_fmt"]),
                         ("mpeg4", "mpeg4", 64, 64, "yuv420p"))
        self.assertEqual(video["frame"], progress["frame"])
        self.assertEqual(progress["outputs"][2]["sampling_hz"], 44100)
        # What is asked for besides does not show.
        self.assertNotIn("-progress", d.state("p")["command"])
        state = wait_until(lambda: (lambda s: s if s["cpu_usage"] > 0 else None)(d.state("p")), "CPU usage")
        self.assertGreater(state["memory_bytes"], 1 << 20)
        self.assertLess(state["cpu_usage"], 101)
        for _, line in d.process("p", "/report").json["log"]:
            self.assertNotIn("frame=", line)

    def test_stale(self):
        d = self.real_daemon()
        source = subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine", "-t", "3", "-f", "mpegts", "-"],
                                stdout=subprocess.PIPE, check=True, timeout=30).stdout
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        # Its sound ends long before its picture.
        short = os.path.join(d.folder, "short.ts")
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=60",
                        "-f", "lavfi", "-i", "sine=duration=1", "-c:v", "mpeg4", short], check=True, timeout=30)
        stale = {"stale_timeout_seconds": 2}
        self.post(d, "audio", [AUDIO], [NULL], **stale)
        self.post(d, "idle", [{"id": "in", "address": short, "options": ["-re"]}],
                  [dict(NULL, options=["-map", "0:a", "-f", "null"]),
                   dict(NULL, id="video", options=["-map", "0:v", "-f", "null"])], **stale)
        began = time.monotonic()
        address = "tcp://127.0.0.1:%d" % listener.getsockname()[1]
        self.post(d, "stalled", [{"id": "in", "address": address, "options": ["-f", "mpegts"]}], [NULL], **stale)
        connection, _ = listener.accept()
        with connection:
            connection.sendall(source)
            # The source is there, but says nothing more.
            d.wait_state("stalled", "finished")
        log = [line for _, line in d.process("stalled", "/report").json["log"]]
        self.assertIn("stale: no progress for 2 seconds", log)
        self.assertEqual(d.state("stalled")["order"], "start")
        wait_until(lambda: time.monotonic() - began > 5, "the time to be over")
        for ident in ["audio", "idle"]:
            state = d.state(ident)
            self.assertEqual(state["exec"], "running", state)
            self.assertGreaterEqual(state["runtime_seconds"], 4)

    def test_probe(self):
        d = self.real_daemon()
        self.post(d, "p", [VIDEO, AUDIO], [NULL])
        d.wait_state("p", "running")
        probe = d.process("p", "/probe").json
        self.assertEqual([(s["type"], s["index"], s["url"]) for s in probe["streams"]],
                         [("video", 0, VIDEO["address"]), ("audio", 1, AUDIO["address"])])
        self.assertEqual((probe["streams"][0]["width"], probe["streams"][0]["height"]), (64, 64))
        self.assertTrue(any("Input #0" in line for line in probe["log"]))
        self.assertEqual(d.state("p")["exec"], "running")
        # Not started, and not there.
        self.post(d, "none", [{"address": "/does/not/exist"}], [NULL], autostart=False)
        probe = d.process("none", "/probe").json
        self.assertEqual(probe["streams"], [])
        self.assertTrue(any("No such file" in line for line in probe["log"]))

    def test_probe_answers_when_the_process_goes(self):
        d = self.daemon()
        self.add(d, "p", input=[{"address": "ignore"}], autostart=False)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(d.process("p", "/probe")))
        thread.start()
        wait_until(lambda: os.path.exists("/proc") and self.children(d), "the probe")
        self.assertEqual(d.request("DELETE", "/api/v3/process/p").status, 200)
        thread.join(30)
        self.assertEqual(answers[0].status, 200)
        wait_until(lambda: not self.children(d), "the probe's end")

    @staticmethod
    def children(daemon):
        with open("/proc/%d/task/%d/children" % (daemon.child.pid, daemon.child.pid)) as f:
            return f.read().split()

    def test_placeholders_and_references(self):
        d = self.real_daemon()
        data = os.path.join(d.folder, "data")
        config = self.post(d, "source", [VIDEO],
                           [{"id": "o", "address": "{diskfs}/{processid}_{outputid}.ts",
                             "options": ["-c:v", "mpeg4", "-f", "mpegts", "-y"]}])
        self.assertEqual(config["output"][0]["address"], "{diskfs}/{processid}_{outputid}.ts")
        self.assertEqual(d.state("source")["command"][-1], data + "/source_o.ts")
        wait_until(lambda: os.path.exists(data + "/source_o.ts"), "the file")
        self.post(d, "reader", [{"id": "i", "address": "#source:output=o", "options": []}], [NULL], autostart=False)
        self.assertEqual(d.process("reader", "/config").json["input"][0]["address"], "#source:output=o")
        command = d.state("reader")["command"]
        self.assertIn(command[command.index("-i") + 1], [data + "/source_o.ts", "#source:output=o"])
        d.command("reader", "start")
        command = d.state("reader")["command"]
        self.assertEqual(command[command.index("-i") + 1], data + "/source_o.ts")
        for address, text in [("#nobody:output=o", "unknown process 'nobody'"), ("#bad", "invalid format")]:
            response = d.request("POST", "/api/v3/process",
                                 {"id": "bad", "input": [{"id": "i", "address": address}], "output": [NULL]})
            self.assert_error(response, 400, "Invalid process config")
            self.assertIn(text, response.json["details"][0])
            response = d.request("PUT", "/api/v3/process/reader", {"input": [{"address": address}]})
            self.assert_error(response, 400, "Process can't be updated")
        # What was, stays.
        self.assertEqual(d.process("reader", "/config").json["input"][0]["address"], "#source:output=o")
        # The source goes: a reload says so, and touches nothing.
        self.assertEqual(d.request("DELETE", "/api/v3/process/source").status, 200)
        response = d.command("reader", "reload")
        self.assert_error(response, 400, "Command failed")
        self.assertIn("unknown process 'source'", response.json["details"][0])

    def test_files_are_cleaned_up(self):
        d = self.real_daemon()
        data = os.path.join(d.folder, "data", "memfs")
        self.post(d, "hls", [VIDEO],
                  [{"id": "o", "address": "{memfs}/{processid}_%03d.ts",
                    "options": ["-c:v", "mpeg4", "-g", "5", "-f", "segment", "-segment_time", "0.2"],
                    "cleanup": [{"pattern": "memfs:/{processid}_*.ts", "max_files": 4, "purge_on_delete": True}]}])
        wait_until(lambda: os.path.exists(data + "/hls_020.ts"), "segments")
        with open(data + "/other.ts", "w") as f:
            f.write("x")
        wait_until(lambda: not os.path.exists(data + "/hls_010.ts"), "segments to go")
        self.assertEqual(d.request("DELETE", "/api/v3/process/hls").status, 200)
        wait_until(lambda: os.listdir(data) == ["other.ts"], "all segments to go")

    def test_limit(self):
        d = self.real_daemon()
        self.post(d, "p", [VIDEO], [NULL], limits={"memory_mbytes": 5}, reconnect=True, reconnect_delay_seconds=60)
        wait_until(lambda: d.state("p")["reconnect_seconds"] > 0, "the end")
        log = [line for _, line in d.process("p", "/report").json["log"]]
        self.assertTrue(any(line.startswith("limit exceeded: memory") for line in log), log)
        self.assertEqual(d.state("p")["order"], "start")


if __name__ == "__main__":
    unittest.main(verbosity=2)
