# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes with viewers: real FFmpeg, the real elements, viewers of another process."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from daemon import DaemonTest, wait_until
from harness import without_leaks

VIEWER = os.environ["TEST_VIEWER"]


class Viewers:
    """N viewers of a stream, in a process of their own."""

    def __init__(self, test, daemon, path, count=1, seconds=60, *arguments):
        self.events = []
        # Until FFmpeg sends, an offer is answered 409.
        probe = lambda: daemon.request("POST", path, "v=0\r\n", {"Content-Type": "application/sdp"})
        wait_until(lambda: probe().status != 409, "the stream")
        self.child = subprocess.Popen(
            [VIEWER, "--json", "--url", "http://127.0.0.1:%d%s" % (daemon.port, path),
             "--viewers", str(count), "--seconds", str(seconds), *arguments],
            env=without_leaks(os.environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        test.addCleanup(self._clean_up)

    def _read(self):
        for line in self.child.stdout:
            self.events.append(json.loads(line))

    def _clean_up(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self.reader.join()
        self.child.stdout.close()

    def count(self, event):
        return sum(e.get("event") == event for e in list(self.events))

    def wait(self, event, count=1):
        try:
            wait_until(lambda: self.count(event) >= count)
        except AssertionError:
            raise AssertionError("not %d × %s, but %s" % (count, event, self.events)) from None

    def leave(self):
        """All leave now, and their results."""
        self.child.send_signal(signal.SIGINT)
        return self.finish()

    def finish(self):
        self.child.wait(60)
        self.reader.join(60)
        return [e for e in self.events if e.get("event") == "viewer"]


class Webrtc(DaemonTest):
    LAVFI = [{"id": "v", "address": "testsrc=size=160x120:rate=25", "options": ["-f", "lavfi", "-re"]},
             {"id": "a", "address": "sine=sample_rate=48000", "options": ["-f", "lavfi", "-re"]}]
    TRANSCODE = {"enabled": True, "force_transcode": True, "audio_map": "1:a:0"}

    def add_stream(self, d, ident, webrtc=None, **members):
        members.setdefault("input", self.LAVFI)
        members.setdefault("output", [{"id": "o", "address": "-", "options": ["-f", "null"]}])
        return self.add(d, ident, webrtc=webrtc or self.TRANSCODE, **members)

    def ports(self, d, ident):
        return [int(p) for p in re.findall(r"udp://127\.0\.0\.1:(\d+)", " ".join(d.state(ident)["command"]))]

    def assert_free(self, port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", port))

    def assert_taken(self, port):
        with self.assertRaises(OSError):
            self.assert_free(port)

    def assert_played(self, result):
        self.assertEqual((result["status"], result["problem"]), (201, ""))
        # An overloaded machine drops some on loopback; viewers with sanitizers, beside other tests, most.
        if "ASAN_OPTIONS" not in os.environ:
            self.assertLess(result["lost"] * 10, result["packets"])

    def wait_frames(self, d, ident, count):
        """FFmpeg has put out so many more frames."""
        frame = lambda: d.state(ident)["progress"]["frame"]
        goal = frame() + count
        wait_until(lambda: frame() >= goal, "%d frames" % count)

    def offer(self, d, ident, prefix="/whep/"):
        return d.request("POST", prefix + ident, "v=0\r\n", {"Content-Type": "application/sdp"})

    def test_plays(self):
        d = self.daemon(binary="ffmpeg")
        self.add_stream(d, "cam/1")
        video, audio = self.ports(d, "cam/1")
        self.assertEqual(audio, video + 1)
        viewers = [Viewers(self, d, prefix + "cam%2F1", 2) for prefix in ["/whep/", "/api/v3/whep/"]]
        for v in viewers:
            v.wait("media", 2)
        self.wait_frames(d, "cam/1", 60)
        for v in viewers:
            results = v.leave()
            self.assertEqual(len(results), 2)
            for result in results:
                self.assert_played(result)
                self.assertTrue(result["video"]["starts_with_keyframe"])
                self.assertGreater(result["video"]["frames"], 25)
                self.assertGreater(result["audio"]["packets"], 50)
                self.assertEqual(result["delete_status"], 200)

    def test_stop_says_goodbye_and_releases(self):
        d = self.daemon(binary="ffmpeg")
        self.add_stream(d, "p")
        port, _ = self.ports(d, "p")
        self.assert_taken(port)
        self.assert_taken(port + 1)
        viewers = Viewers(self, d, "/whep/p", 5, 60, "--exit-when-closed")
        viewers.wait("media", 5)
        self.assertEqual(d.command("p", "stop").status, 200)
        self.assertEqual(d.state("p")["exec"], "finished")
        self.assert_free(port)
        self.assert_free(port + 1)
        for result in viewers.finish():
            self.assertTrue(result["closed_by_server"])
        response = self.offer(d, "p")
        self.assertEqual(response.status, 409, response.body)
        self.assertGreater(int(response.headers["Retry-After"]), 0)
        # And all over again.
        self.assertEqual(d.command("p", "start").status, 200)
        Viewers(self, d, "/whep/p", 1, 60).wait("media")
        self.assertEqual(d.request("DELETE", "/api/v3/process/p").status, 200)
        self.assertEqual(self.offer(d, "p").status, 404)

    def test_not_for_everybody(self):
        d = self.daemon(binary="ffmpeg")
        self.add_stream(d, "off", {"enabled": False, "force_transcode": True})
        self.add_stream(d, "later", autostart=False)
        self.assertEqual(self.ports(d, "off"), [])
        for prefix in ["/whep/", "/api/v3/whep/"]:
            self.assertEqual(self.offer(d, "nobody", prefix).status, 404)
            self.assertEqual(self.offer(d, "off", prefix).status, 404)
            self.assertEqual(self.offer(d, "later", prefix).status, 409)

    def test_switched_off(self):
        d = self.daemon(binary="ffmpeg", CORE_WEBRTC_ENABLE="false")
        self.add_stream(d, "p")
        self.assertEqual(self.ports(d, "p"), [])
        self.assertEqual(self.offer(d, "p").status, 404)
        self.assertEqual(d.state("p")["exec"], "running")

    def test_viewers_outlive_ffmpeg(self):
        d = self.daemon(binary="ffmpeg")
        self.add_stream(d, "p", reconnect=True, reconnect_delay_seconds=1)
        ports = self.ports(d, "p")
        viewers = Viewers(self, d, "/whep/p")
        viewers.wait("media")

        def pid():
            return [int(m[1]) for line in list(d.log) for m in [re.search(r"\[p\] started, pid (\d+)", line)] if m]

        for blow in ["kill", "restart", "reload"]:
            before = pid()
            if blow == "kill":
                os.kill(before[-1], signal.SIGKILL)
            else:
                self.assertEqual(d.command("p", blow).status, 200)
            wait_until(lambda: len(pid()) > len(before), "FFmpeg to come back")
            wait_until(lambda: d.state("p")["progress"]["frame"] > 10, "frames")
            self.assertEqual(self.ports(d, "p"), ports)
        # Another command line, then another picture size.
        larger = [{**self.LAVFI[0], "address": "testsrc=size=320x240:rate=25"}, self.LAVFI[1]]
        for change in [{"options": ["-hide_banner"]}, {"input": larger}]:
            self.assertEqual(d.request("PUT", "/api/v3/process/p", change).status, 200)
            wait_until(lambda: d.state("p")["progress"]["frame"] > 10, "frames")
        self.assertEqual(self.ports(d, "p"), ports)
        [result] = viewers.leave()
        self.assertFalse(result["closed_by_server"])
        self.assertEqual((result["status"], result["problem"]), (201, ""))
        # One line of sequence numbers and timestamps through all of that.
        self.assertEqual((result["video"]["ssrc_changes"], result["video"]["timestamp_steps_back"]), (0, 0))
        self.assert_played(result)

    def test_double_start(self):
        d = self.daemon(binary="ffmpeg")
        self.add_stream(d, "p")
        ports = self.ports(d, "p")
        self.assertEqual(d.command("p", "start").status, 200)
        self.assertEqual(self.ports(d, "p"), ports)
        # The log is read beside: the answers do not wait for its lines.
        wait_until(lambda: any("stream on ports" in line for line in list(d.log)), "the line of the first start")
        self.assertEqual(sum("stream on ports" in line for line in list(d.log)), 1)

    def test_missing_plugin(self):
        with tempfile.TemporaryDirectory() as empty:
            d = self.daemon(binary="ffmpeg", GST_PLUGIN_PATH_1_0=empty, GST_PLUGIN_PATH=empty,
                            GST_REGISTRY=os.path.join(empty, "registry.bin"))
            config = self.config("p", webrtc=self.TRANSCODE)
            reason = "webrtc: the GStreamer element rtprestreamsrc is not installed"
            self.assert_error(d.request("POST", "/api/v3/process", config), 400, "Invalid process config", [reason])
            self.add(d, "p", webrtc=self.TRANSCODE, autostart=False)
            self.assert_error(d.command("p", "start"), 400, "Command failed", [reason])
            state = d.state("p")
            self.assertEqual((state["order"], state["exec"], state["last_logline"]), ("start", "failed", reason))
            self.assertEqual(d.process("p", "/report").json["log"][-1][1], reason)
            self.assertEqual(self.offer(d, "p").status, 409)
            self.assertEqual(d.request("DELETE", "/api/v3/process/p").status, 200)
            self.assertEqual(d.stop(), 0)

    def test_copy(self):
        d = self.daemon(binary="ffmpeg")
        source = os.path.join(d.folder, "source.mkv")
        subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25", "-f", "lavfi",
                        "-i", "sine=sample_rate=48000", "-t", "120", "-c:v", "libx264", "-profile:v", "baseline",
                        "-pix_fmt", "yuv420p", "-g", "25", "-bf", "0", "-c:a", "libopus", source],
                       check=True, stdin=subprocess.DEVNULL)
        self.add_stream(d, "p", {"enabled": True},
                        input=[{"id": "i", "address": source, "options": ["-re"]}])
        viewers = Viewers(self, d, "/whep/p")
        viewers.wait("media")
        self.wait_frames(d, "p", 60)
        [result] = viewers.leave()
        self.assert_played(result)
        self.assertTrue(result["video"]["starts_with_keyframe"])
        self.assertGreater(result["video"]["frames"], 25)
        self.assertGreater(result["audio"]["packets"], 50)

    def test_one_medium(self):
        d = self.daemon(binary="ffmpeg")
        self.add_stream(d, "video", dict(self.TRANSCODE, audio_map="none"))
        self.add_stream(d, "audio", dict(self.TRANSCODE, video_map="none"))
        self.assertEqual(len(self.ports(d, "video")), 1)
        for medium in ["video", "audio"]:
            viewers = Viewers(self, d, "/whep/" + medium, 1, 60, "--%s-only" % medium)
            viewers.wait("media")
            self.assertEqual(d.request("DELETE", "/api/v3/process/" + medium).status, 200)

    def test_limit_of_viewers(self):
        d = self.daemon(binary="ffmpeg", CORE_WEBRTC_MAX_VIEWERS="2")
        self.add_stream(d, "p")
        first = Viewers(self, d, "/whep/p", 2, 60)
        first.wait("media", 2)
        over = Viewers(self, d, "/whep/p", 1, 60)
        over.wait("refused")
        self.assertEqual([e["status"] for e in over.events if e.get("event") == "refused"], [503])

    def test_daemon_ends_with_viewers(self):
        d = self.daemon(binary="ffmpeg")
        self.add_stream(d, "p")
        viewers = Viewers(self, d, "/whep/p", 3, 60, "--exit-when-closed")
        viewers.wait("media", 3)
        self.assertEqual(d.stop(), 0)
        for result in viewers.finish():
            self.assertTrue(result["closed_by_server"])

    def test_nothing_grows(self):
        d = self.daemon(binary="ffmpeg")
        def usage():
            proc = "/proc/%d/" % d.child.pid
            return len(os.listdir(proc + "fd")), len(os.listdir(proc + "task"))
        def cycle():
            self.add_stream(d, "p")
            Viewers(self, d, "/whep/p", 2, 60).wait("media", 2)
            self.assertEqual(d.request("DELETE", "/api/v3/process/p").status, 200)
        for _ in range(3):
            cycle()
        # Threads of GLib's pools come and go.
        before = wait_until(usage)
        for _ in range(7):
            cycle()
        try:
            wait_until(lambda: usage()[0] <= before[0] + 2 and usage()[1] <= before[1] + 4, "usage to fall")
        except AssertionError:
            proc = "/proc/%d/" % d.child.pid
            names = sorted(open(proc + "task/%s/comm" % t).read().strip() for t in os.listdir(proc + "task"))
            self.fail("descriptors and threads were %s, are %s: %s" % (before, usage(), names))


if __name__ == "__main__":
    unittest.main(verbosity=2)
