# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two real client libraries of the process API against the daemon, with real FFmpeg. No distribution has
them, so they are used where they are told:

  RTPRESTREAM_CORE_CLIENT_GO      a checkout of datarhei's core-client-go (its vendor folder is enough to build)
  RTPRESTREAM_CORE_CLIENT_PYTHON  folders for Python's path, with a colon between: a checkout of
                                  core-client-python, and where pydantic 2 and httpx are, if that is elsewhere
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from daemon import DaemonTest, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD_S, RUN_S = 240, 120
LOGIN = {"CORE_API_AUTH_ENABLE": "true", "CORE_API_AUTH_USERNAME": "admin", "CORE_API_AUTH_PASSWORD": "a password"}


class GoClient(DaemonTest):
    def test_all_calls(self):
        checkout = os.environ.get("RTPRESTREAM_CORE_CLIENT_GO")
        if not checkout:
            self.skipTest("RTPRESTREAM_CORE_CLIENT_GO names no checkout of core-client-go")
        if not shutil.which("go"):
            self.skipTest("no go")
        folder = tempfile.mkdtemp(prefix="rtprestream-core-client-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        # Its own module, so that its own vendor folder counts.
        module = os.path.join(folder, "module")
        shutil.copytree(checkout, module, ignore=shutil.ignore_patterns(".git"))
        os.mkdir(os.path.join(module, "calls"))
        shutil.copy(os.path.join(HERE, "clients", "core-client.go"), os.path.join(module, "calls", "main.go"))
        program = os.path.join(folder, "calls")
        build = subprocess.run(["go", "build", "-mod=vendor", "-o", program, "./calls"], cwd=module, text=True,
                               capture_output=True, timeout=BUILD_S,
                               env={**os.environ, "GOFLAGS": "", "GOPROXY": "off"})
        self.assertEqual(build.returncode, 0, build.stderr)
        for settings in [{}, LOGIN]:
            with self.subTest(settings=settings):
                d = self.daemon(binary="ffmpeg", **settings)
                run = subprocess.run([program, "http://127.0.0.1:%d" % d.port], text=True, capture_output=True,
                                     timeout=RUN_S, env={**os.environ, "CORE_CLIENT_USER": "admin",
                                                         "CORE_CLIENT_PASSWORD": "a password"})
                self.assertEqual((run.returncode, run.stderr), (0, ""))


class PythonClient(DaemonTest):
    def core_client(self):
        folders = os.environ.get("RTPRESTREAM_CORE_CLIENT_PYTHON")
        if not folders:
            self.skipTest("RTPRESTREAM_CORE_CLIENT_PYTHON names no checkout of core-client-python")
        sys.path[:0] = [f for f in folders.split(":") if f not in sys.path]
        try:
            import core_client
        except ImportError as error:
            self.skipTest("core-client-python cannot be used: %s" % error)
        return core_client

    def test_all_calls(self):
        core_client = self.core_client()
        self.all_calls(core_client, self.daemon(binary="ffmpeg"))

    def test_all_calls_with_login(self):
        core_client = self.core_client()
        d = self.daemon(binary="ffmpeg", **LOGIN)
        stranger = core_client.Client(base_url="http://127.0.0.1:%d" % d.port)
        self.addCleanup(stranger.close)
        self.assertEqual(stranger.v3_process_get_list().code, 401)
        self.all_calls(core_client, d, username="admin", password="a password")

    def all_calls(self, core_client, d, **credentials):
        client = core_client.Client(base_url="http://127.0.0.1:%d" % d.port, timeout=30.0, **credentials)
        self.addCleanup(client.close)
        client.login()
        from core_client.base import models
        from core_client.base.models import v3

        def fails(answer, code, message):
            self.assertIsInstance(answer, models.Error)
            self.assertEqual((answer.code, answer.message), (code, message))

        self.assertEqual(client.ping(), "pong")
        about = client.about()
        self.assertIsInstance(about, models.About)
        self.assertEqual(about.app, "datarhei-core")

        ident = "restreamer-ui:ingest:1"  # it does not escape ids
        config = {"id": ident, "reference": "ref", "autostart": True,
                  "input": [{"id": "in", "address": "testsrc=size=64x64:rate=25", "options": ["-re", "-f", "lavfi"]}],
                  "output": [{"id": "out", "address": "-", "options": ["-f", "null"]}], "options": []}
        added = client.v3_process_post(config=config)
        self.assertIsInstance(added, v3.ProcessConfig)
        self.assertEqual((added.id, added.input[0].options), (ident, ["-re", "-f", "lavfi"]))
        fails(client.v3_process_post(config=config), 400, "Invalid process config")

        def running():
            state = client.v3_process_get_state(id=ident)
            self.assertIsInstance(state, v3.ProcessState)
            return state.progress.frame > 0 and state
        state = wait_until(running, "frames")
        self.assertEqual((state.order, state.exec), ("start", "running"))

        process = client.v3_process_get(id=ident)
        self.assertIsInstance(process, v3.Process)
        self.assertIsNotNone(process.report)
        filtered = client.v3_process_get(id=ident, filter="all")
        self.assertEqual((filtered.config, filtered.state, filtered.report, filtered.metadata), (None,) * 4)
        self.assertEqual([p.id for p in client.v3_process_get_list(id=ident, idpattern="restreamer-ui:*")], [ident])
        self.assertEqual(client.v3_process_get_list(id="unknown"), [])
        self.assertIsInstance(client.v3_process_get_config(id=ident), v3.ProcessConfig)
        self.assertIsInstance(client.v3_process_get_report_list(id=ident), v3.ProcessReport)

        probe = client.v3_process_get_probe(id=ident)
        self.assertIsInstance(probe, v3.ProcessProbe)
        self.assertEqual([(s.type, s.width) for s in probe.streams], [("video", 64)])
        self.assertEqual(client.v3_process_get_probe(id="unknown").streams, [])

        # A whole model, with all that it has and we do not.
        config = client.v3_process_get_config(id=ident)
        config.reference = "other"
        changed = client.v3_process_put(id=ident, config=config)
        self.assertIsInstance(changed, v3.ProcessConfig)
        self.assertEqual(changed.reference, "other")
        fails(client.v3_process_put(id="unknown", config=config), 404, "Process not found")

        for command in ["restart", "reload", "stop", "start"]:
            self.assertEqual(client.v3_process_put_command(id=ident, command=command), "OK")
        fails(client.v3_process_put_command(id="unknown", command="stop"), 400, "Command failed")

        for key, value in [("1", '"1"'), ("2", 1), ("3", [1]), ("4", {"1": 1})]:
            self.assertEqual(client.v3_process_put_metadata(id=ident, key=key, data=value), value)
            self.assertEqual(client.v3_process_get_metadata(id=ident, key=key), value)
            self.assertEqual(client.v3_metadata_put(key=key, data=value), value)
            self.assertEqual(client.v3_metadata_get(key=key), value)
        self.assertIsInstance(client.v3_process_get(id=ident).metadata, dict)
        fails(client.v3_process_get_metadata(id=ident, key="unknown"), 404, "Unknown process ID")
        fails(client.v3_metadata_get(key="unknown"), 404, "Metadata not found")

        self.assertIsInstance(client.v3_skills_get(), v3.Skills)
        self.assertIsInstance(client.v3_skills_reload(), v3.Skills)
        self.assertIsInstance(client.v3_log_get(), v3.Log)
        self.assertIsInstance(client.v3_log_get(format="raw"), v3.Log)
        self.assertIsInstance(client.v3_session_get(collectors="hls,srt"), v3.Session)
        self.assertIsInstance(client.v3_session_get_active(collectors="hls,srt"), v3.SessionActive)
        self.assertIsInstance(client.v3_widget_get_process(id=ident), v3.Widget)
        fails(client.v3_widget_get_process(id="unknown"), 404, "Unknown process ID")

        self.assertEqual(client.v3_process_delete(id=ident), "OK")
        fails(client.v3_process_get(id=ident), 404, "Unknown process ID")


if __name__ == "__main__":
    program = unittest.main(verbosity=2, exit=False)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if len(result.skipped) == result.testsRun else 0)
