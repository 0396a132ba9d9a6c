# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the clients of the process API rely on, with real FFmpeg over real HTTP: a case for each route and
each of its statuses, and the requests that core-client-go and core-client-python send. Every answer is held
against the API's own description."""

import json
import re
import unittest
import urllib.parse

from daemon import Daemon, DaemonTest, wait_until
from openapi import Description

JSON = {"Content-Type": "application/json"}

# The members that core-client-python's models cannot do without.
PYTHON_CONFIG = ["id", "reference", "input", "output", "options"]
PYTHON_STATE = ["command", "cpu_usage", "exec", "last_logline", "memory_bytes", "order", "reconnect_seconds",
                "runtime_seconds"]
PYTHON_PROGRESS = ["bitrate_kbit", "drop", "dup", "fps", "frame", "inputs", "outputs", "packet", "q", "size_kb",
                   "speed", "time"]
PYTHON_PROGRESS_IO = ["address", "bitrate_kbit", "codec", "coder", "format", "fps", "frame", "id", "index",
                      "packet", "pps", "size_kb", "stream", "type"]
PYTHON_PROBE_STREAM = ["bitrate_kbps", "channels", "codec", "coder", "duration_sec", "format", "fps", "height",
                       "index", "language", "layout", "pix_fmt", "sampling_hz", "stream", "type", "url", "width"]

# What core-client-python adds to a configuration, for servers newer than ours.
PYTHON_EXTRAS = {"scheduler": None, "runtime_duration_seconds": None, "log_patterns": None, "binary": None,
                 "domain": None, "owner": None, "metadata": None, "type": "ffmpeg", "limits": None}


def source(ident, **members):
    """A process of FFmpeg's own making."""
    config = {"id": ident, "autostart": False,
              "input": [{"id": "in", "address": "testsrc=size=64x64:rate=25", "options": ["-re", "-f", "lavfi"]}],
              "output": [{"id": "out", "address": "-", "options": ["-f", "null"]}]}
    config.update(members)
    return config


class Contract(DaemonTest):
    settings = {"CORE_METRICS_ENABLE_PROMETHEUS": "true", "CORE_STORAGE_CORS_ORIGINS": "*", "CORE_ID": "the-id"}

    @classmethod
    def setUpClass(cls):
        cls.d = Daemon(cls.program, "ffmpeg", **cls.settings)
        cls.addClassCleanup(cls.d.clean_up)
        cls.description = Description(cls.d.request("GET", "/api/swagger/doc.json").json)

    def setUp(self):
        for process in self.d.request("GET", "/api/v3/process?filter=none").json:
            self.d.request("DELETE", "/api/v3/process/" + urllib.parse.quote(process["id"], safe=""))

    def ask(self, method, path, body=None, status=200, headers=None, description=True):
        """The answer's JSON, after what holds for every answer."""
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
            headers = {**JSON, **(headers or {})}
        response = self.d.request(method, path, body, headers)
        self.assertEqual(response.status, status, response.body[:1000])
        self.assertEqual(response.headers["Content-Type"], "application/json; charset=UTF-8")
        self.assertTrue(response.body.endswith("\n"), "no line end")
        self.assertNotRegex(response.body, "[<>&]")
        if description:
            self.assertEqual(self.description.check_answer(method, path, status, response.json), [])
        return response.json

    def fails(self, method, path, status, message, details, body=None, headers=None):
        """details: the list, or what its first line holds."""
        answer = self.ask(method, path, body, status, headers)
        self.assertEqual(list(answer), ["code", "message", "details"])
        self.assertEqual((answer["code"], answer["message"]), (status, message))
        if isinstance(details, list):
            self.assertEqual(answer["details"], details)
        else:
            self.assertIn(details, answer["details"][0])

    def add_source(self, ident, **members):
        return self.ask("POST", "/api/v3/process", source(ident, **members))

    def state(self, ident):
        return self.ask("GET", "/api/v3/process/%s/state" % ident)

    def run_source(self, ident, **members):
        self.add_source(ident, autostart=True, **members)
        return wait_until(lambda: self.state(ident)["progress"]["frame"] > 0 and self.state(ident), "frames")

    def command(self, ident, word):
        self.assertEqual(self.ask("PUT", "/api/v3/process/%s/command" % ident, {"command": word}), "OK")

    # The daemon

    def test_get_api(self):
        about = self.ask("GET", "/api")
        self.assertEqual((about["app"], about["auths"], about["id"]), ("datarhei-core", [], "the-id"))
        # core-client-go: ^16.7.2, /api/v3/srt ^16.9.0, /api/v3/metrics ^16.10.0; restreamer-ui: ^16.11.0
        number = [int(n) for n in about["version"]["number"].split(".")]
        self.assertEqual(number[0], 16)
        self.assertGreaterEqual(number[1:], [11, 0])
        self.assertRegex(about["created_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_get_ping(self):
        response = self.d.request("GET", "/ping")
        self.assertEqual((response.status, response.body), (200, "pong"))
        self.assertTrue(response.headers["Content-Type"].startswith("text/plain"))

    def test_get_description(self):
        self.assertEqual(self.ask("GET", "/api/swagger/doc.json")["openapi"][:2], "3.")

    def test_get_skills(self):
        for path in ["/api/v3/skills", "/api/v3/skills/reload"]:
            skills = self.ask("GET", path)
            # restreamer-ui: ^5.1.0 || ^6.1.0
            self.assertRegex(skills["ffmpeg"]["version"], r"^\d+\.\d+\.\d+$")
            self.assertIn("testsrc", [f["id"] for f in skills["filter"]])
            h264 = [c for c in skills["codecs"]["video"] if c["id"] == "h264"][0]
            self.assertIn("libx264", h264["encoders"])
            self.assertIn("rtp", [p["id"] for p in skills["protocols"]["output"]])

    def test_get_log(self):
        self.add_source("logged <&>")
        lines = self.ask("GET", "/api/v3/log")
        # core-client-python asks for the format console
        self.assertEqual(self.ask("GET", "/api/v3/log?format=console")[:len(lines)], lines)
        self.assertRegex(lines[0], r'^ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ level=INFO component="Core" msg="')
        self.assertTrue(any(line.endswith('component="Process" msg="added" id="logged <&>"') for line in lines))

    def test_get_log_raw(self):
        self.add_source("logged")
        events = self.ask("GET", "/api/v3/log?format=raw")
        self.assertIn(("Process", "added", "logged"),
                      [(e["component"], e["message"], e.get("id")) for e in events])
        self.assertRegex(events[0]["ts"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$")

    def test_get_metrics(self):
        self.run_source("p1", reference="r")
        response = self.d.request("GET", "/metrics")
        self.assertEqual(response.status, 200)
        self.assertTrue(response.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        values = {}
        for line in response.body.splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                self.assertNotIn(name, values)
                values[name] = float(value)
        prefix = 'ffmpeg_process{core="the-id",process="p1",state="running",order="start",name="%s"}'
        for name in ["frame", "fps", "speed", "q", "size", "time", "drop", "dup", "packet", "bitrate", "cpu",
                     "memory", "uptime", "cpu_limit", "memory_limit"]:
            self.assertIn(prefix % name, values)
        self.assertGreater(values[prefix % "frame"], 0)
        self.assertEqual(values['ffmpeg_states{core="the-id",state="running"}'], 1)
        self.assertEqual(values['ffmpeg_states{core="the-id",state="killed"}'], 0)
        self.assertEqual(values['ffmpeg_process_states{core="the-id",process="p1",state="starting"}'], 1)
        self.assertGreaterEqual(values['ffmpeg_states_total{core="the-id",state="starting"}'], 1)
        stream = 'ffmpeg_process_io{core="the-id",process="p1",type="%s",id="%s",index="0",stream="0",media="video",name="%s"}'
        for name in ["frame", "fps", "packet", "pps", "size", "bitrate"]:
            self.assertIn(stream % ("input", "in", name), values)
            self.assertIn(stream % ("output", "out", name), values)
        self.assertIn(stream % ("output", "out", "q"), values)
        self.assertEqual(set(re.findall(r"^# TYPE (\w+) (\w+)$", response.body, re.M)), {
            ("ffmpeg_process", "gauge"), ("ffmpeg_process_states", "gauge"), ("ffmpeg_process_io", "gauge"),
            ("ffmpeg_states", "gauge"), ("ffmpeg_states_total", "counter"), ("uptime_seconds", "counter")})
        self.assertGreater(values['uptime_seconds{core="the-id"}'], 0)

    def test_get_sessions(self):
        self.assertEqual(self.ask("GET", "/api/v3/session/active?collectors=hls,rtmp"), {"hls": [], "rtmp": []})
        self.assertEqual(sorted(self.ask("GET", "/api/v3/session?collectors=hls,hls,srt")), ["hls", "srt"])

    def test_get_widget(self):
        self.add_source("p")
        self.assertEqual(self.ask("GET", "/api/v3/widget/process/p"),
                         {"current_sessions": 0, "total_sessions": 0, "uptime": 0})
        self.fails("GET", "/api/v3/widget/process/nobody", 404, "Unknown process ID", ["unknown process"])

    # Processes

    def test_list_none(self):
        self.assertEqual(self.ask("GET", "/api/v3/process"), [])

    def test_list_selects(self):
        for ident, reference in [("a:1", "r1"), ("a/2", "r2"), ("b 3", "r1")]:
            self.add_source(ident, reference=reference)
        cases = {
            # core-client-go sends all of them always
            "filter=&id=&idpattern=&refpattern=&reference=": "a:1 a/2 b 3",
            # core-client-python, likewise
            "domain=&filter=&reference=&id=&idpattern=&refpattern=&ownerpattern=&domainpattern=": "a:1 a/2 b 3",
            "id=a%3A1,b+3,zz": "a:1 b 3",
            "id=a%252F2": "a/2",  # escaped twice
            "id=a%2F2": "a/2",
            "id=,": "a:1 a/2 b 3",
            "reference=r1": "a:1 b 3",
            "reference=r1&id=a/2": "a:1 b 3",  # with a reference the ids do not count
            "reference=r": "",
            "idpattern=a*": "a:1 a/2",
            "idpattern=*": "a:1 a/2 b 3",
            "idpattern=?%3F*": "a:1 a/2 b 3",
            "idpattern=%7Ba*,b*3%7D": "a:1 a/2 b 3",
            "idpattern=[!a]*": "b 3",
            "idpattern=a*&refpattern=?1": "a:1",
            "idpattern=a*&id=b+3": "",
            "refpattern=*2": "a/2",
            "idpattern=[": "",
            "idpattern=*&refpattern=[a-": "",
            "idpattern=%FF": "",
            "idpattern=" + "a" * 2000: "",
            "idpattern=%00": "",
        }
        for query, expected in cases.items():
            with self.subTest(query=query[:80]):
                found = self.ask("GET", "/api/v3/process?" + query)
                self.assertEqual(sorted(p["id"] for p in found),
                                 sorted(i for i in ["a:1", "a/2", "b 3"] if i in expected))

    def test_list_filters(self):
        self.add_source("p")
        base = ["created_at", "id", "reference", "type", "updated_at"]
        for words, parts in [("", ["config", "metadata", "report", "state"]), ("state", ["state"]),
                             ("config,report,nonsense", ["config", "report"]), ("metadata", ["metadata"]),
                             ("all", []), (",", ["config", "metadata", "report", "state"])]:
            with self.subTest(filter=words):
                for process in [self.ask("GET", "/api/v3/process?filter=" + words)[0],
                                self.ask("GET", "/api/v3/process/p?filter=" + words)]:
                    self.assertEqual(sorted(process), sorted(base + parts))

    def test_post(self):
        config = self.add_source("p1", reference="ref", options=["-nostats"], reconnect=True,
                                 reconnect_delay_seconds=3, stale_timeout_seconds=10,
                                 limits={"cpu_usage": 12.5, "memory_mbytes": 100, "waitfor_seconds": 2})
        self.assertEqual(config["input"][0], source("")["input"][0])
        self.assertEqual(config["output"][0], source("")["output"][0])  # without cleanup
        self.assertEqual(config["limits"], {"cpu_usage": 12.5, "memory_mbytes": 100, "waitfor_seconds": 2})
        self.assertEqual((config["type"], config["reference"], config["options"]), ("ffmpeg", "ref", ["-nostats"]))

    def test_post_defaults(self):
        config = self.ask("POST", "/api/v3/process", {
            "input": [{"address": "anullsrc", "options": ["-re", "-f", "lavfi"]}],
            "output": [{"address": "-", "options": ["-f", "null"]}]})
        for ident in [config["id"], config["input"][0]["id"], config["output"][0]["id"]]:
            self.assertRegex(ident, r"^[2-9A-HJ-NP-Za-km-z]{22}$")
        self.assertEqual((config["type"], config["autostart"], config["reference"], config["reconnect"]),
                         ("ffmpeg", True, "", False))
        self.assertEqual(config["options"], [])
        self.assertEqual(self.state(config["id"])["order"], "start")

    def test_post_invalid_json(self):
        valid = json.dumps(source("x"))
        cases = [(b"", JSON, "request doesn't contain any content"),
                 (valid, {"Content-Type": "text/plain"}, "request doesn't contain JSON content"),
                 (valid, {}, "request doesn't contain JSON content"),
                 (valid[:-1], JSON, ""), ("[]", JSON, ""), ("null", JSON, ""), (valid + "x", JSON, ""),
                 (b'{"id":"\xff"}', JSON, ""), ("[" * 100000, JSON, "nested too deep"),
                 ('{"id":' * 100000, JSON, "nested too deep"), ('{"id":"a\\u0000b"}', JSON, "\\u0000")]
        for members, what in [({"id": 5}, "id"), ({"input": {}}, "input"), ({"options": "-y"}, "options"),
                              ({"reconnect": 1}, "reconnect"), ({"limits": []}, "limits"),
                              ({"input": [{"options": [1]}]}, "input[0].options"), ({"type": "vlc"}, "type"),
                              ({"reconnect_delay_seconds": -1}, "reconnect_delay_seconds"),
                              ({"input": None}, "input"), ({"output": None}, "output")]:
            cases.append((json.dumps(source("x", **members)), JSON, what))
        for missing in ["input", "output"]:
            config = source("x")
            del config[missing]
            cases.append((json.dumps(config), JSON, missing + ": required"))
        for body, headers, details in cases:
            with self.subTest(body=body[:60]):
                self.fails("POST", "/api/v3/process", 400, "Invalid JSON", details, body, headers)
        self.assertEqual(self.ask("GET", "/api/v3/process"), [])

    def test_post_unsupported_type(self):
        self.fails("POST", "/api/v3/process", 400, "Unsupported process type",
                   ["Supported process types are: ffmpeg"], source("x", type=""))

    def test_post_without_input_or_output(self):
        for empty in [{"input": []}, {"output": []}]:
            self.fails("POST", "/api/v3/process", 400, "At least one input and one output need to be defined", [],
                       source("x", **empty))

    def test_post_invalid_config(self):
        self.add_source("p")
        io = lambda ident, address: {"id": ident, "address": address}
        cases = [
            ({"id": "p"}, "process already exists"),
            ({"id": " \t"}, "an empty ID is not allowed"),
            ({"input": [io("i", "a"), io("i", "b")]}, "the input ID 'i' is already in use for the process `x`"),
            ({"output": [io("o", "-"), io("o", "-")]}, "the output ID 'o' is already in use for the process `x`"),
            ({"input": [io("i", "")]}, "the address for input '#x:i' must not be empty"),
            ({"output": [io("o", "")]}, "the address for output '#x:o' must not be empty"),
        ]
        for members, details in cases:
            with self.subTest(details=details):
                self.fails("POST", "/api/v3/process", 400, "Invalid process config", [details],
                           source(**{"ident": "x", **members}) if "id" not in members
                           else source(members["id"]))
        self.assertEqual([p["id"] for p in self.ask("GET", "/api/v3/process")], ["p"])

    def test_get_process(self):
        state = self.run_source("p", reference="ref")
        process = self.ask("GET", "/api/v3/process/p")
        self.assertEqual((process["id"], process["type"], process["reference"]), ("p", "ffmpeg", "ref"))
        self.assertIsNone(process["metadata"])
        self.assertEqual(process["config"], self.ask("GET", "/api/v3/process/p/config"))
        self.assertEqual(state["command"],
                         ["-re", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=25", "-f", "null", "-"])

    def test_unknown_process(self):
        for part in ["", "/config", "/state", "/report", "/metadata", "/metadata/key"]:
            self.fails("GET", "/api/v3/process/nobody" + part, 404, "Unknown process ID", ["unknown process"])
        self.fails("GET", "/api/v3/process/", 404, "Unknown process ID", ["unknown process"])
        self.fails("DELETE", "/api/v3/process/nobody", 404, "Unknown process ID", ["unknown process"])
        self.fails("PUT", "/api/v3/process/nobody", 404, "Process not found", ["nobody"], {})
        self.fails("PUT", "/api/v3/process/nobody/metadata/k", 404, "Unknown process ID", ["unknown process"], "1",
                   JSON)

    def test_get_state(self):
        self.add_source("p")
        state = self.state("p")
        self.assertEqual((state["order"], state["exec"], state["reconnect_seconds"]), ("stop", "finished", -1))
        self.assertEqual(state["memory_bytes"], 0)
        self.assertEqual((state["progress"]["inputs"], state["progress"]["outputs"]), ([], []))
        self.command("p", "start")
        wait_until(lambda: self.state("p")["progress"]["fps"] > 0, "frames")
        state = self.state("p")
        self.assertEqual((state["order"], state["exec"]), ("start", "running"))
        for io, ident in [(state["progress"]["inputs"], "in"), (state["progress"]["outputs"], "out")]:
            self.assertEqual([(one["id"], one["index"], one["type"], one["width"]) for one in io],
                             [(ident, 0, "video", 64)])
        wait_until(lambda: self.state("p")["memory_bytes"] > 1000000, "the memory to be known")

    def test_numbers(self):
        self.run_source("p")
        wait_until(lambda: self.state("p")["progress"]["time"] > 1, "a second")
        body = self.d.request("GET", "/api/v3/process/p/state").body
        progress = body[body.index('"packet":', body.index('"outputs":')):]
        for name in ["fps", "q", "time", "bitrate_kbit", "speed"]:
            self.assertRegex(progress, r'"%s":-?\d+(\.\d{3})?[,}]' % name)

    def test_get_report(self):
        self.run_source("p")
        report = self.ask("GET", "/api/v3/process/p/report")
        self.assertTrue(report["prelude"][0].startswith("ffmpeg version"))
        self.assertTrue(report["log"][0][1].startswith("ffmpeg version"))
        self.assertGreater(int(report["log"][0][0]), 1600000000)
        self.assertEqual(report["history"], [])

    def test_get_probe(self):
        self.add_source("p", input=[
            {"id": "a", "address": "testsrc=size=64x48:rate=25", "options": ["-f", "lavfi"]},
            {"id": "b", "address": "sine=sample_rate=48000", "options": ["-f", "lavfi"]}])
        probe = self.ask("GET", "/api/v3/process/p/probe")
        self.assertEqual([(s["index"], s["stream"], s["type"], s["width"], s["height"], s["sampling_hz"], s["language"])
                          for s in probe["streams"]],
                         [(0, 0, "video", 64, 48, 0, "und"), (1, 0, "audio", 0, 0, 48000, "und")])
        for stream in probe["streams"]:
            self.assertEqual(sorted(stream), sorted(PYTHON_PROBE_STREAM))
        self.assertTrue(probe["log"])
        self.assertEqual(self.state("p")["exec"], "finished")
        # While it runs, too.
        self.command("p", "start")
        self.assertEqual(len(self.ask("GET", "/api/v3/process/p/probe")["streams"]), 2)
        self.assertEqual(self.state("p")["exec"], "running")

    def test_probe_of_nothing(self):
        self.assertEqual(self.ask("GET", "/api/v3/process/nobody/probe"),
                         {"streams": [], "log": ["Unknown process ID (nobody)"]})
        self.add_source("p", input=[{"id": "in", "address": "/does/not/exist", "options": []}])
        probe = self.ask("GET", "/api/v3/process/p/probe")
        self.assertEqual(probe["streams"], [])
        self.assertTrue(any("/does/not/exist" in line for line in probe["log"]), probe["log"])

    def test_put(self):
        self.run_source("p", reference="old")
        config = self.ask("PUT", "/api/v3/process/p", {"reference": "new", "output": [{"options": ["-an", "-f", "null"]}]})
        self.assertEqual((config["id"], config["reference"]), ("p", "new"))
        # Laid over the output that was there.
        self.assertEqual(config["output"], [{"id": "out", "address": "-", "options": ["-an", "-f", "null"]}])
        self.assertEqual(config["input"], source("p")["input"])
        self.assertEqual(self.ask("GET", "/api/v3/process/p/config"), config)
        self.assertEqual(self.state("p")["order"], "start")
        self.assertEqual(self.state("p")["command"][-4:], ["-an", "-f", "null", "-"])

    def test_put_keeps_webrtc(self):
        config = self.add_source("p", webrtc={"enabled": True, "video_pt": 100, "audio_map": "none",
                                              "force_transcode": True})
        del config["webrtc"]
        self.assertEqual(self.ask("PUT", "/api/v3/process/p", config)["webrtc"]["video_pt"], 100)

    def test_put_of_nothing_restarts_nothing(self):
        self.run_source("p", limits={"cpu_usage": 99.123456789})
        frames = lambda: self.state("p")["progress"]["frame"]
        before = frames()
        config = self.ask("GET", "/api/v3/process/p/config")
        self.assertEqual(self.ask("PUT", "/api/v3/process/p", config), config)
        self.assertGreaterEqual(frames(), before)
        self.assertEqual(self.ask("GET", "/api/v3/process/p/report")["history"], [])

    def test_put_renames(self):
        self.add_source("old", reference="r")
        self.ask("PUT", "/api/v3/process/old/metadata/k", "1", headers=JSON)
        config = self.ask("PUT", "/api/v3/process/old", {"id": "new"})
        self.assertEqual(config["id"], "new")
        self.assertEqual(self.ask("GET", "/api/v3/process/new/metadata/k"), 1)
        self.fails("GET", "/api/v3/process/old", 404, "Unknown process ID", ["unknown process"])

    def test_put_errors(self):
        self.add_source("p")
        self.add_source("other")
        path = "/api/v3/process/p"
        self.fails("PUT", path, 400, "Process can't be updated", ["process already exists"], {"id": "other"})
        self.fails("PUT", path, 400, "Process can't be updated",
                   ["at least one input must be defined for the process 'p'"], {"input": []})
        self.fails("PUT", path, 400, "Process can't be updated",
                   ["at least one output must be defined for the process '#p'"], {"output": []})
        self.fails("PUT", path, 400, "Invalid JSON", "input", {"input": 5})
        self.fails("PUT", path, 400, "Invalid JSON", "input", {"input": None})
        self.fails("PUT", path, 400, "Invalid JSON", "type", {"type": "vlc"})
        self.fails("PUT", path, 400, "Invalid JSON", ["request doesn't contain any content"], b"", JSON)
        self.assertEqual(self.ask("GET", path + "/config")["input"], source("p")["input"])

    def test_delete(self):
        self.run_source("p")
        self.assertEqual(self.ask("DELETE", "/api/v3/process/p"), "OK")
        self.fails("DELETE", "/api/v3/process/p", 404, "Unknown process ID", ["unknown process"])

    def test_command(self):
        self.add_source("p", reconnect=True)
        self.command("p", "start")
        wait_until(lambda: self.state("p")["progress"]["frame"] > 0, "frames")
        self.command("p", "start")
        self.command("p", "restart")
        wait_until(lambda: self.state("p")["exec"] == "running", "the reconnect")
        self.command("p", "reload")
        self.assertEqual(self.state("p")["order"], "start")
        self.command("p", "stop")
        state = self.state("p")
        self.assertEqual((state["order"], state["reconnect_seconds"]), ("stop", -1))
        self.assertNotIn(state["exec"], ["starting", "running", "finishing"])

    def test_command_errors(self):
        self.add_source("p")
        path = "/api/v3/process/p/command"
        self.fails("PUT", path, 400, "Unknown command provided",
                   ["Known commands are: start, stop, reload, restart"], {"command": "dance"})
        self.fails("PUT", path, 400, "Invalid JSON", "command", {})
        self.fails("PUT", path, 400, "Invalid JSON", "command", {"command": ["start"]})
        self.fails("PUT", "/api/v3/process/nobody/command", 400, "Command failed", "unknown process",
                   {"command": "start"})

    # Metadata

    def test_process_metadata(self):
        self.add_source("p")
        path = "/api/v3/process/p/metadata"
        self.assertIsNone(self.ask("GET", path))
        self.fails("GET", path + "/k", 404, "Unknown process ID", ["unknown key"])
        values = {"k": {"a": [1, -2.5, "<&>", None, True, {}], "ü": "x"}, "a/b": "text", "n": 0, "z": [], "f": False,
                  "e": 1e300, "big": 9007199254740993}
        for key, value in values.items():
            quoted = path + "/" + urllib.parse.quote(key, safe="")
            self.assertEqual(self.ask("PUT", quoted, json.dumps(value), headers=JSON), value)
            self.assertEqual(self.ask("GET", quoted), value)
        self.assertEqual(self.ask("GET", path), values)
        self.assertEqual(self.ask("GET", path + "/"), values)  # core-client-python, without a key
        self.assertEqual(self.ask("GET", "/api/v3/process/p?filter=metadata")["metadata"], values)
        for key in values:
            self.assertIsNone(self.ask("PUT", path + "/" + urllib.parse.quote(key, safe=""), "null", headers=JSON))
        self.assertIsNone(self.ask("GET", path))

    def test_app_metadata(self):
        path = "/api/v3/metadata"
        self.assertEqual(self.ask("GET", path), {})
        self.fails("GET", path + "/restreamer-ui", 404, "Metadata not found", ["unknown key"])
        self.assertEqual(self.ask("PUT", path + "/restreamer-ui", {"version": 1}), {"version": 1})
        self.assertEqual(self.ask("GET", path + "/restreamer-ui"), {"version": 1})
        self.assertEqual(self.ask("GET", path), {"restreamer-ui": {"version": 1}})
        self.assertIsNone(self.ask("PUT", path + "/restreamer-ui", "null", headers=JSON))
        self.assertEqual(self.ask("GET", path), {})

    def test_metadata_errors(self):
        self.add_source("p")
        for path in ["/api/v3/process/p/metadata/", "/api/v3/metadata/"]:
            self.fails("PUT", path, 400, "Invalid key", ["The key must not be of length 0"], "1", JSON)
            self.fails("PUT", path + "k", 400, "Invalid JSON", ["request doesn't contain any content"], b"", JSON)
            self.fails("PUT", path + "k", 400, "Invalid JSON", "", '{"a"', JSON)
            self.fails("PUT", path + "k", 400, "Invalid JSON", ["request doesn't contain JSON content"], "1", {})

    # All routes

    def test_not_routed(self):
        for method, path in [("GET", "/api/"), ("PATCH", "/api/v3/process"), ("GET", "/api/v3"),
                             ("POST", "/api/v3/process/x"), ("DELETE", "/api/v3/process"), ("PUT", "/api/v3/skills"),
                             ("GET", "/api/v3/process/x/y"), ("GET", "/api/v3/process/%ff"),
                             ("GET", "/api/v3/process/%00"), ("GET", "/api/v3/process/a/b/c/d/e/f"),
                             ("GET", "/api/v3/nonsense"), ("DELETE", "/metrics"), ("POST", "/ping")]:
            with self.subTest(path=path):
                answer = self.ask(method, path, status=404, description=False)
                self.assertEqual(answer, {"code": 404, "message": "Not Found", "details": ["Not Found"]})

    def test_head(self):
        for path, status in [("/api/v3/process", 200), ("/api/v3/process/nobody", 404), ("/api/nonsense", 404)]:
            response = self.d.request("HEAD", path)
            self.assertEqual((response.status, response.body), (status, ""))

    def test_cross_origin(self):
        response = self.d.request("GET", "/api", headers={"Origin": "https://a.example"})
        self.assertEqual(response.headers["Access-Control-Allow-Origin"], "*")
        self.assertEqual(response.headers["Access-Control-Allow-Credentials"], "true")
        self.assertEqual(response.headers["Access-Control-Expose-Headers"], "Content-Length")
        response = self.d.request("POST", "/api/v3/process", "x" * (1 << 21), {**JSON, "Origin": "https://a.example"})
        self.assertEqual(response.status, 413)
        self.assertEqual(response.headers.get_all("Access-Control-Allow-Origin"), ["*"])
        response = self.d.request("OPTIONS", "/api/v3/process/x", headers={
            "Origin": "https://a.example", "Access-Control-Request-Method": "PUT"})
        self.assertEqual((response.status, response.body), (204, ""))
        self.assertEqual(response.headers["Access-Control-Allow-Methods"], "GET,HEAD,PUT,POST,DELETE,PATCH")
        self.assertEqual(response.headers["Access-Control-Allow-Headers"],
                         "Origin,Content-Length,Content-Type,Authorization")
        self.assertEqual(response.headers["Access-Control-Max-Age"], "86400")

    def test_ids(self):
        for ident in ["a/b", "x y", "restreamer-ui:ingest:2e5", "ä", "...", "100%", "q?x=1", "<&>", "a+b", "#1"]:
            with self.subTest(id=ident):
                path = "/api/v3/process/" + urllib.parse.quote(ident, safe="")
                self.assertEqual(self.add_source(ident)["id"], ident)
                self.assertEqual(self.ask("GET", path)["id"], ident)
                self.assertEqual(self.ask("PUT", path, {"reference": ident})["reference"], ident)
                self.assertEqual(self.ask("PUT", path + "/metadata/k", {"id": ident}), {"id": ident})
                self.assertEqual(self.ask("DELETE", path), "OK")

    # As the clients do it

    def test_as_core_client_go(self):
        """encoding/json writes every member; lists that are nil are null."""
        config = {"id": "go", "type": "ffmpeg", "reference": "", "input": [
                      {"id": "in", "address": "testsrc=size=64x64:rate=25", "options": ["-re", "-f", "lavfi"]}],
                  "output": [{"id": "out", "address": "-", "options": ["-f", "null"], "cleanup": None}],
                  "options": None, "reconnect": False, "reconnect_delay_seconds": 0, "autostart": True,
                  "stale_timeout_seconds": 0, "limits": {"cpu_usage": 0, "memory_mbytes": 0, "waitfor_seconds": 0}}
        body = json.dumps(config) + "\n"
        self.assertEqual(self.ask("POST", "/api/v3/process", body, headers=JSON)["options"], [])
        query = "filter=&id=go&idpattern=&reference=&refpattern="
        self.assertEqual([p["id"] for p in self.ask("GET", "/api/v3/process?" + query)], ["go"])
        self.ask("GET", "/api/v3/process/go?filter=")
        self.assertEqual(self.ask("PUT", "/api/v3/process/go", body, headers=JSON)["options"], [])
        self.assertEqual(self.ask("PUT", "/api/v3/process/go/command", '{"command":"stop"}\n', headers=JSON), "OK")
        for part in ["config", "state", "report"]:
            self.ask("GET", "/api/v3/process/go/" + part)
        self.assertEqual(self.ask("PUT", "/api/v3/process/go/metadata/k", '{"a":1}\n', headers=JSON), {"a": 1})
        self.assertEqual(self.ask("GET", "/api/v3/process/go/metadata"), {"k": {"a": 1}})
        self.assertEqual(self.ask("DELETE", "/api/v3/process/go"), "OK")

    def test_as_core_client_python(self):
        """Models are sent with all their members, null where unset, to paths with a domain."""
        headers = {**JSON, "Accept": "application/json"}
        config = {**source("py", autostart=True), **PYTHON_EXTRAS}
        config["output"][0]["cleanup"] = None
        self.ask("POST", "/api/v3/process", config, headers=headers)
        path = "/api/v3/process/py"
        wait_until(lambda: self.ask("GET", path + "/state?domain=", headers=headers)["progress"]["frame"] > 0, "frames")
        process = self.ask("GET", path + "?domain=&filter=", headers=headers)
        for members, names in [(process["config"], PYTHON_CONFIG), (process["state"], PYTHON_STATE),
                               (process["state"]["progress"], PYTHON_PROGRESS)]:
            for name in names:
                self.assertIsNotNone(members[name], name)
        for io in process["state"]["progress"]["inputs"] + process["state"]["progress"]["outputs"]:
            for name in PYTHON_PROGRESS_IO:
                self.assertIsNotNone(io[name], name)
        self.ask("PUT", path + "?domain=", {**config, "reference": "r"}, headers=headers)
        self.assertEqual(self.ask("PUT", path + "/command?domain=", {"command": "stop"}, headers=headers), "OK")
        self.assertEqual(self.ask("PUT", path + "/metadata/k?domain=", '"1"', headers=headers), "1")
        self.assertEqual(self.ask("GET", path + "/metadata/?domain=", headers=headers), {"k": "1"})
        self.assertEqual(self.ask("DELETE", path + "?domain=", headers=headers), "OK")


class ReadOnly(DaemonTest):
    def test_read_only(self):
        d = self.daemon(CORE_API_READ_ONLY="true")
        for method, path in [("POST", "/api/v3/process"), ("PUT", "/api/v3/process/x"),
                             ("DELETE", "/api/v3/process/x"), ("PUT", "/api/v3/process/x/command"),
                             ("PUT", "/api/v3/process/x/metadata/k"), ("PUT", "/api/v3/metadata/k")]:
            with self.subTest(path=path):
                self.assert_error(d.request(method, path, self.config("x")), 404, "Not Found", ["Not Found"])
        for path in ["/api/v3/process", "/api/v3/metadata"]:
            self.assertEqual(d.request("GET", path).status, 200)
        # These are off unless asked for.
        self.assertEqual(d.request("GET", "/metrics").status, 404)
        self.assertIsNone(d.request("GET", "/api", headers={"Origin": "http://a"}).headers[
            "Access-Control-Allow-Origin"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
