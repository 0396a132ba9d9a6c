# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the integration tests share: processes that end with the test, real FFmpeg, viewers."""

import collections
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

BUILD = os.environ["RTPRESTREAM_BUILD_ROOT"]
SOURCE = os.environ["RTPRESTREAM_SOURCE_ROOT"]
VIEWER = os.path.join(BUILD, "tests/support/restream-test-viewer")
# Generous: a deadline says that something never comes, not how fast it must be.
DEADLINE = 60.0
# Tests of viewers run once for each transport of the sink; others do not have it.
TRANSPORT = os.environ.get("RTPRESTREAM_TEST_TRANSPORT")
SKIP = 77
# Sanitizers make everything some times slower: a viewer that is too slow loses packets, by design.
MAY_LOSE = "RTPRESTREAM_SANITIZER" in os.environ

_libc = ctypes.CDLL(None, use_errno=True)
_running = []


def _child_dies_with_us():
    PR_SET_PDEATHSIG = 1
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def skip(why):
    print("skipped:", why)
    sys.exit(SKIP)


def need(program):
    path = shutil.which(program)
    if not path:
        skip(f"no {program}")
    return path


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Process:
    """A child whose output is read all the time, and that never outlives the test."""

    def __init__(self, name, argv, env=None):
        self.name = name
        self._lines = collections.deque(maxlen=5000)
        self._changed = threading.Condition()
        self._ended = False
        self._popen = subprocess.Popen(
            argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            preexec_fn=_child_dies_with_us)
        self.pid = self._popen.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        _running.append(self)

    def _read(self):
        for line in self._popen.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def lines(self):
        with self._changed:
            return list(self._lines)

    def wait_for(self, wanted, what, timeout=DEADLINE):
        """Waits until wanted(lines) is true, and returns it."""
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                found = wanted(self._lines)
                if found:
                    return found
                left = end - time.monotonic()
                if self._ended or left <= 0:
                    why = "ended" if self._ended else "time is up"
                    raise AssertionError(f"{self.name}: waiting for {what}: {why}\n" + self.tail_unlocked())
                self._changed.wait(left)

    def tail_unlocked(self, count=40):
        return "\n".join(f"  {self.name}| {line}" for line in list(self._lines)[-count:])

    def tail(self):
        with self._changed:
            return self.tail_unlocked()

    def alive(self):
        return self._popen.poll() is None

    def send(self, number):
        self._popen.send_signal(number)

    def wait(self, timeout=DEADLINE):
        try:
            status = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} does not end\n{self.tail()}") from None
        self._reader.join(timeout)
        return status

    def kill(self):
        if self.alive():
            self._popen.kill()
        self._popen.wait()


def without_leaks(env):
    """Leaks are looked for where they would be ours."""
    return {**env, "ASAN_OPTIONS": env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def sanitizer_env(env):
    """For a program that is not instrumented itself but loads our plugin."""
    preload = env.get("RTPRESTREAM_SANITIZER_PRELOAD")
    if preload:
        env["LD_PRELOAD"] = preload
        env = without_leaks(env)
    return env


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Launch(Process):
    """gst-launch-1.0 with the line of the README, on ports that are free, and TRANSPORT."""

    def __init__(self, extra_sink=""):
        check(TRANSPORT, "RTPRESTREAM_TEST_TRANSPORT is not set")
        self.whep_port = free_port()
        line = ["rtprestreamsrc", "port=0", "name=s", "rtprestreamsink",
                f"transport={TRANSPORT}", f"whep-port={self.whep_port}", "name=k", *extra_sink.split(),
                "s.video", "!", "k.video", "s.audio", "!", "k.audio"]
        super().__init__("gst-launch", [need("gst-launch-1.0"), "-e", "-v", *line],
                         sanitizer_env(dict(os.environ)))
        self.url = f"http://127.0.0.1:{self.whep_port}/whep"

        def bound(lines):
            for text in lines:
                found = re.search(r":s: port = (\d+)", text)
                if found and int(found.group(1)):
                    return int(found.group(1))
            return None
        self.port = self.wait_for(bound, "the port")
        end = time.monotonic() + DEADLINE
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.whep_port), 5):
                    break
            except OSError as error:
                if not self.alive() or time.monotonic() > end:
                    raise AssertionError(f"no WHEP server: {error}\n{self.tail()}") from error
                time.sleep(0.05)

    def wait_stream(self):
        """Until both media have come: before, a viewer is told to come again (409)."""
        def both(lines):
            return all(any(f"Sink:k.GstPad:{pad}: caps = " in text for text in lines)
                       for pad in ("video", "audio"))
        self.wait_for(both, "the stream")

    def interrupt(self):
        """As Ctrl-C does; returns the moment. With -e, gst-launch ends by EOS."""
        now = time.monotonic()
        self.send(signal.SIGINT)
        return now


class Feed(Process):
    """Real FFmpeg, with libx264 and libopus, in real time."""

    def __init__(self, port, gop=30, extra=()):
        super().__init__("ffmpeg", [
            need("ffmpeg"), "-nostdin", "-v", "error",
            "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30",
            "-re", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
            "-map", "0:v", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
            "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-g", str(gop), "-bf", "0", "-b:v", "300k", *extra,
            "-payload_type", "102", "-f", "rtp", f"udp://127.0.0.1:{port}?pkt_size=1200",
            "-map", "1:a", "-c:a", "libopus", "-b:a", "32k",
            "-payload_type", "111", "-f", "rtp", f"udp://127.0.0.1:{port + 1}?pkt_size=1200"])


class Viewers(Process):
    """restream-test-viewer."""

    def __init__(self, url, count=1, seconds=120, options=()):
        self.count = count
        super().__init__("viewers", [
            VIEWER, "--url", url, "--viewers", str(count), "--seconds", str(seconds), "--json", *options],
            without_leaks(os.environ))

    def events(self, kind):
        return self._pick(self.lines(), kind)

    @staticmethod
    def _pick(lines, kind):
        found = []
        for line in lines:
            if line.startswith("{"):
                event = json.loads(line)
                if event["event"] == kind:
                    found.append(event)
        return found

    def wait_events(self, kind, count=None, timeout=DEADLINE):
        wanted = count or self.count

        def enough(lines):
            found = self._pick(lines, kind)
            return found if len(found) >= wanted else None
        return self.wait_for(enough, f"{wanted} × {kind}", timeout)

    def finish(self, status=0):
        """The viewers' reports, when the program has ended by itself."""
        got = self.wait()
        check(got == status, f"viewers ended with {got}\n{self.tail()}")
        return self.events("viewer")


def http(method, url, body=None, content_type=None):
    """Status, headers and body; an error status is no exception."""
    headers = {"Content-Type": content_type} if content_type else {}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def run(test):
    """Runs a test function; whatever happens, no child is left."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        test()
    except AssertionError as error:
        print("FAILED:", error)
        for process in _running:
            print(process.tail())
        sys.exit(1)
    finally:
        for process in reversed(_running):
            process.kill()
    print("passed")
