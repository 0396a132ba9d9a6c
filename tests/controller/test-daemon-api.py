# SPDX-License-Identifier: LGPL-2.1-or-later
"""The process API's contract over real HTTP: one case per route and status."""

import http.client
import socket
import threading
import unittest
import urllib.parse

from daemon import DaemonTest, Response, wait_until


class Api(DaemonTest):
    def test_about(self):
        d = self.daemon(CORE_NAME="my name", CORE_ID="my-id")
        response = d.request("GET", "/api")
        self.assertEqual(response.status, 200)
        body = response.json
        self.assertEqual((body["app"], body["auths"], body["id"], body["name"]),
                         ("datarhei-core", [], "my-id", "my name"))
        self.assertRegex(body["version"]["number"], r"^16\.(7\.[2-9]|[89]|1\d)")
        self.assertRegex(body["created_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertGreaterEqual(body["uptime_seconds"], 0)
        self.assertEqual(d.request("GET", "/ping").body, "pong")

    def test_not_routed(self):
        d = self.daemon()
        for method, path in [("GET", "/api/"), ("PATCH", "/api/v3/process"),
                             ("GET", "/api/v3"), ("POST", "/api/v3/process/x"), ("DELETE", "/api/v3/process"),
                             ("GET", "/api/v3/process/x/y"), ("GET", "/api/v3/process/%ff"),
                             ("GET", "/api/v3/process/%00"), ("GET", "/api/v3/process/a/b/c/d/e/f")]:
            with self.subTest(path=path):
                self.assert_error(d.request(method, path), 404, "Not Found", ["Not Found"])
        # What is not the API's is the web pages'.
        self.assertEqual(d.request("GET", "/nowhere").status, 404)

    def test_host_names(self):
        d = self.daemon(CORE_HOST_NAME="media.example")
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:8080", "media.example", "Media.Example:80"]:
            with self.subTest(host=host):
                self.assertEqual(d.request("GET", "/api", headers={"Host": host}).status, 200)
        for host in ["evil.example", "evil.example:8080", "localhost.evil.example", ""]:
            with self.subTest(host=host):
                self.assert_error(d.request("GET", "/api/v3/process", headers={"Host": host}), 403, "Forbidden",
                                  ["unknown host name: add it to host.name (CORE_HOST_NAME)"])

    def test_add_and_get(self):
        d = self.daemon()
        config = self.add(d, "t1", reference="ref", reconnect=True, reconnect_delay_seconds=3)
        self.assertEqual(config["input"], [{"id": "in", "address": "x", "options": []}])
        self.assertEqual(config["limits"],
                         {"cpu_usage": 0, "memory_mbytes": 0, "waitfor_seconds": 0})
        self.assertEqual(config["options"], [])
        process = d.process("t1").json
        self.assertEqual((process["id"], process["type"], process["reference"]), ("t1", "ffmpeg", "ref"))
        self.assertEqual(process["config"], config)
        self.assertEqual(d.process("t1", "/config").json, config)
        self.assertIsNone(process["metadata"])
        self.assertGreater(process["created_at"], 1600000000)
        state = process["state"]
        self.assertEqual((state["order"], state["exec"]), ("start", "running"))
        self.assertEqual(state["command"], ["-i", "x", "run"])
        self.assertEqual(state["reconnect_seconds"], -1)
        wait_until(lambda: d.state("t1")["progress"]["frame"] > 2, "frames")
        state = d.state("t1")
        self.assertGreater(state["progress"]["fps"], 0)
        self.assertGreater(state["memory_bytes"], 0)
        self.assertEqual((state["progress"]["inputs"], state["progress"]["outputs"]), ([], []))
        report = d.process("t1", "/report").json
        self.assertEqual(report["prelude"][0], "fake ffmpeg: run")
        self.assertEqual(report["log"][0][1], "fake ffmpeg: run")
        self.assertTrue(report["log"][0][0].isdigit())
        self.assertEqual(report["history"], [])

    def test_post_defaults(self):
        d = self.daemon()
        response = d.request("POST", "/api/v3/process?domain=", {
            "input": [{"address": "x"}], "output": [{"address": "run", "cleanup": None}], "limits": None,
            "scheduler": None, "metadata": None, "log_patterns": None, "owner": ""})
        self.assertEqual(response.status, 200, response.body)
        config = response.json
        self.assertRegex(config["id"], r"^[2-9A-HJ-NP-Za-km-z]{22}$")
        self.assertRegex(config["input"][0]["id"], r"^[2-9A-HJ-NP-Za-km-z]{22}$")
        self.assertTrue(config["autostart"])
        self.assertNotIn("cleanup", config["output"][0])

    def test_add_errors(self):
        d = self.daemon()
        self.add(d, "t1")
        post = lambda body, **kw: d.request("POST", "/api/v3/process", body, **kw)
        json_type = {"Content-Type": "application/json"}
        self.assert_error(post(self.config("t1")), 400, "Invalid process config", ["process already exists"])
        self.assert_error(post(b"", headers=json_type), 400, "Invalid JSON",
                          ["request doesn't contain any content"])
        self.assert_error(post("{}", headers={"Content-Type": "text/plain"}), 400, "Invalid JSON")
        self.assert_error(post('{"id"', headers=json_type), 400, "Invalid JSON")
        self.assert_error(post('[]', headers=json_type), 400, "Invalid JSON")
        self.assert_error(post("[" * 500000, headers=json_type), 400, "Invalid JSON")
        self.assert_error(post({"id": 5}), 400, "Invalid JSON", ["id: string expected"])
        self.assert_error(post({"id": "x", "input": [{"address": "y"}]}), 400, "Invalid JSON")
        self.assert_error(post(self.config("x", type="")), 400, "Unsupported process type")
        self.assert_error(post(self.config("x", type="vlc")), 400, "Invalid JSON")
        self.assert_error(post(self.config("x", input=[])), 400,
                          "At least one input and one output need to be defined")
        self.assert_error(post(self.config(" ")), 400, "Invalid process config",
                          ["an empty ID is not allowed"])
        self.assert_error(post(self.config("..")), 400, "Invalid process config")
        self.assert_error(post(self.config("x", output=[{"id": "o", "address": ""}])), 400,
                          "Invalid process config", ["the address for output '#x:o' must not be empty"])
        self.assert_error(post(self.config("x" * 10000)), 400, "Invalid process config")
        self.assertEqual([p["id"] for p in d.request("GET", "/api/v3/process").json], ["t1"])

    def test_large_bodies(self):
        d = self.daemon()
        big = b'{"id":"' + b"x" * (2 << 20) + b'"}'
        self.assert_error(d.request("POST", "/api/v3/process", big, {"Content-Type": "application/json"}),
                          413, "Request Entity Too Large")
        self.assert_error(self.chunked(d, 40), 413, "Request Entity Too Large")
        self.assertEqual(d.request("GET", "/ping").status, 200)

    def test_huge_bodies_cost_no_memory(self):
        d = self.daemon()
        def resident():
            with open("/proc/%d/statm" % d.child.pid) as f:
                return int(f.read().split()[1]) * 4096
        before = resident()
        for send in [self.announced, self.chunked_raw]:
            with self.subTest(how=send.__name__):
                answer = send(d, 100 << 20)
                # Whoever does not stop sending may find the connection closed before he reads.
                self.assertIn(answer[:12], [b"HTTP/1.1 413", b""])
        self.assertLess(resident() - before, 100 << 20)  # a sanitizer keeps what was freed for a while
        self.assertEqual(d.request("GET", "/ping").status, 200)

    def announced(self, d, size):
        return self.pour(d, b"Content-Length: %d" % size, b"x" * 65536, size // 65536)

    def chunked_raw(self, d, size):
        return self.pour(d, b"Transfer-Encoding: chunked", b"10000\r\n" + b"x" * 65536 + b"\r\n", size // 65536)

    @staticmethod
    def pour(d, header, block, count):
        """Sends whatever happens; returns what came back."""
        with socket.create_connection(("127.0.0.1", d.port), timeout=30) as s:
            answer = b""
            try:
                s.sendall(b"POST /api/v3/process HTTP/1.1\r\nHost: localhost\r\n"
                          b"Content-Type: application/json\r\n" + header + b"\r\n\r\n")
                for _ in range(count):
                    s.sendall(block)
                answer = s.recv(65536)
            except OSError:
                pass  # it has had enough
            return answer

    def test_glob_bombs(self):
        d = self.daemon()
        for i in range(50):
            self.add(d, "a" * 1000 + str(i), autostart=False)
        for pattern, status in [("{" * 2000, 200), ("{" * 32 + "*" + "}" * 32, 200), ("[!b]" * 250 + "*", 200)]:
            with self.subTest(pattern=pattern[:20]):
                response = d.request("GET", "/api/v3/process?idpattern=" + urllib.parse.quote(pattern, safe=""))
                self.assertEqual(response.status, status)
        self.assert_error(d.request("GET", "/api/v3/process?idpattern=" + "a*" * 500 + "b"), 400, "Invalid pattern")

    def test_depth_bombs(self):
        d = self.daemon()
        self.add(d, "p", autostart=False)
        for path in ["/api/v3/process/p", "/api/v3/process/p/command", "/api/v3/process/p/metadata/k",
                     "/api/v3/metadata/k"]:
            for bomb in ["[" * 500000, '{"a":' * 100000, "[" * 33 + "]" * 33]:
                with self.subTest(path=path, bomb=bomb[:10]):
                    self.assert_error(d.request("PUT", path, bomb, {"Content-Type": "application/json"}), 400,
                                      "Invalid JSON", ["nested too deep"])

    def test_long_ids(self):
        d = self.daemon()
        long = "x" * 10000
        self.assert_error(d.request("POST", "/api/v3/process", self.config(long)), 400, "Invalid process config",
                          ["the ID is too long"])
        for part in ["", "/state", "/metadata/" + long]:
            self.assert_error(d.process(long, part), 404, "Unknown process ID")
        self.assert_error(d.command(long, "stop"), 400, "Command failed")
        self.assertEqual(d.request("GET", "/api/v3/process?id=" + long).json, [])

    def test_command_during_command(self):
        d = self.daemon()
        self.add(d, "p", "ignore")
        wait_until(lambda: d.state("p")["progress"]["frame"] > 0, "frames")
        answers = []
        def send(word):
            answers.append((word, d.command("p", word).status))
        threads = [threading.Thread(target=send, args=(word,))
                   for word in ["restart", "stop", "stop", "reload", "start", "stop"]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual([status for _, status in answers], [200] * 6)
        # Whatever came last, it is one of the two.
        d.command("p", "stop")
        state = d.state("p")
        self.assertEqual((state["order"], state["reconnect_seconds"]), ("stop", -1))
        self.assertNotIn(state["exec"], ["starting", "running", "finishing"])

    def chunked(self, d, count):
        connection = http.client.HTTPConnection("127.0.0.1", d.port, timeout=30)
        connection.request("POST", "/api/v3/process", (b"x" * 65536 for _ in range(count)),
                           {"Content-Type": "application/json"}, encode_chunked=True)
        response = connection.getresponse()
        result = Response(response.status, response.headers, response.read().decode())
        connection.close()
        return result

    def test_garbage_on_the_wire(self):
        d = self.daemon()
        for data in [b"\0" * 1000, b"GET\r\n\r\n", b"POST /api/v3/process HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                     b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /" + b"a" * 70000]:
            with socket.create_connection(("127.0.0.1", d.port)) as s:
                s.sendall(data)
        self.assertEqual(d.request("GET", "/ping").status, 200)

    def test_ids(self):
        d = self.daemon()
        for ident in ["a/b", "x y", "restreamer-ui:ingest:1", "ä", "...", "100%", "q?x=1"]:
            with self.subTest(id=ident):
                self.add(d, ident)
                self.assertEqual(d.process(ident).json["id"], ident)
                path = "/api/v3/process/" + urllib.parse.quote(ident, safe="")
                self.assertEqual(d.request("DELETE", path).body, '"OK"\n')
                self.assert_error(d.process(ident), 404, "Unknown process ID", ["unknown process"])

    def test_unknown_process(self):
        d = self.daemon()
        for part in ["", "/config", "/state", "/report"]:
            self.assert_error(d.process("nobody", part), 404, "Unknown process ID", ["unknown process"])
        self.assert_error(d.request("DELETE", "/api/v3/process/nobody"), 404, "Unknown process ID")
        self.assert_error(d.request("PUT", "/api/v3/process/nobody", {}), 404, "Process not found", ["nobody"])
        self.assert_error(d.command("nobody", "start"), 400, "Command failed")

    def test_list_and_filters(self):
        d = self.daemon()
        self.assertEqual(d.request("GET", "/api/v3/process").body, "[]\n")
        for ident, ref in [("a1", "r1"), ("a2", "r2"), ("b1", "r1")]:
            self.add(d, ident, reference=ref, autostart=False)
        ids = lambda query: sorted(p["id"] for p in d.request("GET", "/api/v3/process" + query).json)
        self.assertEqual(ids("?filter=&id=&idpattern=&refpattern=&reference="), ["a1", "a2", "b1"])
        self.assertEqual(ids("?id=a1,b1,zz"), ["a1", "b1"])
        self.assertEqual(ids("?reference=r1&id=a2"), ["a1", "b1"])
        self.assertEqual(ids("?idpattern=a*"), ["a1", "a2"])
        self.assertEqual(ids("?idpattern=a*&refpattern=?1"), ["a1"])
        one = d.request("GET", "/api/v3/process?filter=state,unknown&id=a1").json[0]
        self.assertIn("state", one)
        for absent in ["config", "report", "metadata"]:
            self.assertNotIn(absent, one)
        none = d.request("GET", "/api/v3/process/a1?filter=nonsense").json
        self.assertEqual(sorted(none), ["created_at", "id", "reference", "type", "updated_at"])

    def test_commands(self):
        d = self.daemon()
        self.add(d, "p", autostart=False, reconnect=True, reconnect_delay_seconds=1)
        self.assertEqual((d.state("p")["order"], d.state("p")["exec"]), ("stop", "finished"))
        self.assertEqual(d.command("p", "start").body, '"OK"\n')
        self.assertEqual((d.state("p")["order"], d.state("p")["exec"]), ("start", "running"))
        # Twice changes nothing.
        self.assertEqual(d.command("p", "start").status, 200)
        wait_until(lambda: d.state("p")["progress"]["frame"] > 0, "frames")
        self.assertEqual(d.command("p", "restart").status, 200)
        self.assertEqual(d.state("p")["exec"], "finished")
        self.assertGreaterEqual(d.state("p")["reconnect_seconds"], 0)
        d.wait_state("p", "running")
        wait_until(lambda: d.state("p")["progress"]["frame"] > 0, "frames")
        self.assertEqual(len(d.process("p", "/report").json["history"]), 1)
        self.assertEqual(d.command("p", "reload").status, 200)
        self.assertEqual(d.state("p")["exec"], "running")
        self.assertEqual(d.command("p", "stop").status, 200)
        state = d.state("p")
        self.assertEqual((state["order"], state["reconnect_seconds"]), ("stop", -1))
        self.assertNotIn(state["exec"], ["running", "finishing"])
        self.assertEqual(d.command("p", "stop").status, 200)
        self.assert_error(d.command("p", "dance"), 400, "Unknown command provided")
        self.assert_error(d.request("PUT", "/api/v3/process/p/command", {}), 400, "Invalid JSON")
        self.assert_error(d.request("PUT", "/api/v3/process/p/command", {"command": 1}), 400, "Invalid JSON")

    def test_put_merges(self):
        d = self.daemon()
        self.add(d, "p", webrtc={"enabled": False, "video_pt": 100})
        response = d.request("PUT", "/api/v3/process/p", {"input": [{"address": "y"}], "options": ["-y"]})
        self.assertEqual(response.status, 200, response.body)
        self.assertEqual(response.json["input"], [{"id": "in", "address": "y", "options": []}])
        self.assertEqual(response.json["webrtc"]["video_pt"], 100)
        self.assertEqual(d.state("p")["command"], ["-y", "-i", "y", "run"])
        self.assertEqual(d.state("p")["order"], "start")
        self.assert_error(d.request("PUT", "/api/v3/process/p", {"input": 5}), 400, "Invalid JSON")
        self.assert_error(d.request("PUT", "/api/v3/process/p", {"output": []}), 400, "Process can't be updated",
                          ["at least one output must be defined for the process '#p'"])
        self.assertEqual(d.process("p", "/config").json, response.json)

    def test_read_only(self):
        d = self.daemon(CORE_API_READ_ONLY="true")
        self.assert_error(d.request("POST", "/api/v3/process", self.config("x")), 404, "Not Found")
        self.assert_error(d.request("DELETE", "/api/v3/process/x"), 404, "Not Found")
        self.assertEqual(d.request("GET", "/api/v3/process").json, [])

    def test_slow_stop_delays_nobody_else(self):
        d = self.daemon()
        self.add(d, "slow", "ignore")
        self.add(d, "other")
        wait_until(lambda: d.state("slow")["progress"]["frame"] > 0, "frames")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(d.request("DELETE", "/api/v3/process/slow")))
        thread.start()
        d.wait_state("slow", "finishing")
        for _ in range(20):
            self.assertEqual(d.state("other")["exec"], "running")
        self.assertEqual(d.command("other", "stop").status, 200)
        # All of that within the 5 seconds of the slow one.
        self.assertEqual(answers, [])
        thread.join(30)
        self.assertEqual(answers[0].body, '"OK"\n')


if __name__ == "__main__":
    unittest.main(verbosity=2)
