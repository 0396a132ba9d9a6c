# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real rtprestreamd for tests: its own folder, a free port, its log kept."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

DEADLINE_S = 30


def wait_until(condition, what="condition", timeout_s=DEADLINE_S):
    """Polls; generous, since the machine may be busy."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("timed out waiting for " + what)


def process_ids_with(marker):
    """The living processes that have this text in an argument."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open("/proc/%s/cmdline" % entry, "rb") as f:
                arguments = f.read().split(b"\0")
            with open("/proc/%s/stat" % entry) as f:
                zombie = f.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            continue
        if not zombie and any(marker.encode() in a for a in arguments):
            found.append(int(entry))
    return found


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Daemon:
    def __init__(self, program, binary="ffmpeg", folder=None, **environment):
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="rtprestreamd-test-")
        env = dict(os.environ)
        env.update(CORE_ADDRESS="127.0.0.1:0", CORE_FFMPEG_BINARY=binary,
                   CORE_LOG_LEVEL="debug", CORE_WEBRTC_UDP_PORT="0",
                   CORE_DB_DIR=self.folder, CORE_STORAGE_DISK_DIR=os.path.join(self.folder, "data"),
                   CORE_WEBRTC_TRANSPORT=os.environ.get("RTPRESTREAM_TEST_TRANSPORT", ""))
        env.update(environment)
        self.child = subprocess.Popen([program], env=env, stdin=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True, errors="replace")
        self.log = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.port = int(wait_until(self._address, "the address in the log")[1])

    def _read(self):
        for line in self.child.stderr:
            self.log.append(line.rstrip("\n"))

    def _address(self):
        if self.child.poll() is not None:
            raise AssertionError("the daemon has ended: " + "\n".join(self.log))
        for line in list(self.log):
            match = re.search(r"listening on http://127\.0\.0\.1:(\d+)/", line)
            if match:
                return match
        return None

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            headers = dict(headers or {})
            if body is not None and not isinstance(body, (bytes, str)):
                body = json.dumps(body)
                headers.setdefault("Content-Type", "application/json")
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def process(self, ident, part=""):
        path = "/api/v3/process/" + urllib.parse.quote(ident, safe="")
        return self.request("GET", path + part)

    def state(self, ident):
        response = self.process(ident, "/state")
        assert response.status == 200, response.body
        return response.json

    def command(self, ident, command):
        return self.request("PUT", "/api/v3/process/%s/command" % urllib.parse.quote(ident, safe=""),
                            {"command": command})

    def wait_state(self, ident, state):
        return wait_until(lambda: self.state(ident)["exec"] == state, "%s to be %s" % (ident, state))

    def stop(self, with_signal=signal.SIGTERM):
        """Ends it and returns its exit code."""
        if self.child.poll() is None:
            self.child.send_signal(with_signal)
        code = self.child.wait(DEADLINE_S)
        self.reader.join(DEADLINE_S)
        self.child.stderr.close()
        return code

    def clean_up(self):
        code = self.child.poll()
        if code is None:
            self.child.kill()
            self.child.wait(DEADLINE_S)
        self.reader.join(DEADLINE_S)
        self.child.stderr.close()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        # Ended by itself, and not well: the test's failure, if any, follows from it.
        if code not in (None, 0, -signal.SIGKILL):
            raise AssertionError("the daemon ended with %d:\n%s" % (code, "\n".join(self.log[-40:])))


class DaemonTest(unittest.TestCase):
    """One daemon per test; program and fake FFmpeg come from the build."""
    program = os.environ["RTPRESTREAMD"]
    fake = os.environ["FAKE_FFMPEG"]

    def daemon(self, binary=None, **arguments):
        daemon = Daemon(self.program, binary or self.fake, **arguments)
        self.addCleanup(daemon.clean_up)
        return daemon

    @staticmethod
    def config(ident, how="run", **members):
        config = {"id": ident, "input": [{"id": "in", "address": "x"}],
                  "output": [{"id": "out", "address": how}]}
        config.update(members)
        return config

    def add(self, daemon, ident, how="run", **members):
        response = daemon.request("POST", "/api/v3/process", self.config(ident, how, **members))
        self.assertEqual(response.status, 200, response.body)
        return response.json

    def assert_error(self, response, status, message, details=None):
        self.assertEqual(response.status, status, response.body)
        self.assertIn("application/json", response.headers["Content-Type"])
        self.assertTrue(response.body.endswith("\n"))
        body = response.json
        self.assertEqual(sorted(body), ["code", "details", "message"])
        self.assertEqual((body["code"], body["message"]), (status, message))
        self.assertIsInstance(body["details"], list)
        if details is not None:
            self.assertEqual(body["details"], details)
