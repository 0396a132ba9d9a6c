#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration by the API: read, changed, reloaded; and reloaded by SIGHUP."""

import json
import os
import signal
import threading
import unittest

from daemon import DaemonTest, wait_until


class ConfigTest(DaemonTest):
    def file(self, daemon):
        return os.path.join(daemon.folder, "config.json")

    def put(self, daemon, config, headers=None):
        return daemon.request("PUT", "/api/v3/config", json.dumps(config),
                              dict(headers or {}, **{"Content-Type": "application/json"}))

    def reload(self, daemon, headers=None):
        self.assertEqual(daemon.request("GET", "/api/v3/config/reload", headers=headers).body, '"OK"\n')

    def test_read(self):
        d = self.daemon(CORE_NAME="of the environment")
        body = d.request("GET", "/api/v3/config").json
        self.assertEqual(sorted(body), ["config", "created_at", "loaded_at", "overrides", "updated_at"])
        for name in ("created_at", "loaded_at", "updated_at"):
            self.assertRegex(body[name], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        config = body["config"]
        self.assertEqual(config["version"], 3)
        self.assertEqual(config["address"], "127.0.0.1:8080")  # what the file would say
        self.assertEqual(config["host"]["name"], [])
        self.assertEqual(config["tls"]["enable"], False)
        self.assertEqual(config["api"]["auth"], {"enable": False, "disable_localhost": False, "username": "",
                                                 "password": "", "jwt": {"secret": ""}})
        self.assertEqual(config["ffmpeg"]["access"]["input"], {"allow": [], "block": []})
        self.assertIn("name", body["overrides"])
        self.assertIn("db.dir", body["overrides"])
        self.assertNotIn("id", body["overrides"])

    def test_bad(self):
        d = self.daemon()
        self.assert_error(self.put(d, {"name": "x"}), 400, "Invalid config version", ["version 0"])
        self.assert_error(self.put(d, {"version": 4}), 400, "Invalid config version", ["version 4"])
        self.assert_error(self.put(d, {"version": "3"}), 400, "Invalid JSON")
        self.assert_error(self.put(d, []), 400, "Invalid JSON")
        response = self.put(d, {"version": 3, "tls": {"address": "here"}, "api": {"auth": {"enable": True}}})
        self.assertEqual(response.status, 409)
        self.assertEqual(sorted(response.json), ["api.auth.password", "api.auth.username", "tls.address"])
        self.assertEqual(response.json["api.auth.username"], ["must be set for api.auth.enable"])
        self.assertFalse(os.path.exists(self.file(d)))

    def test_change(self):
        d = self.daemon()
        self.add(d, "p")
        before = d.request("GET", "/api").json
        auth = {"enable": True, "username": "admin", "password": "secret"}
        # What a client has read it may write back, whatever else is in it.
        response = self.put(d, {"version": 3, "name": "new", "api": {"auth": auth}, "rtmp": {"enable": False},
                                "ffmpeg": {"access": {"output": {"block": ["^rtmp"]}}}})
        self.assertEqual((response.status, response.body), (200, '"OK"\n'))
        self.assertEqual(os.stat(self.file(d)).st_mode & 0o7777, 0o600)
        with open(self.file(d)) as f:
            self.assertEqual(json.load(f)["api"]["auth"]["password"], "secret")
        self.assertEqual(d.request("GET", "/api").json["name"], before["name"])  # not before the reload
        self.reload(d)
        wait_until(lambda: d.request("GET", "/api/v3/process").status == 401, "the login to be asked for")
        self.assertEqual(d.request("GET", "/api").json["auths"], ["localjwt"])
        token = d.request("POST", "/api/login", {"username": "admin", "password": "secret"}).json["access_token"]
        headers = {"Authorization": "Bearer " + token}
        after = d.request("GET", "/api", headers=headers).json
        self.assertEqual((after["name"], after["id"]), ("new", before["id"]))
        rtmp = self.config("q")
        rtmp["output"][0]["address"] = "rtmp://x"
        response = d.request("POST", "/api/v3/process", rtmp, headers)
        self.assert_error(response, 400, "Invalid process config",
                          ["the address for output '#q:out' is invalid: address is not allowed"])
        # The token outlives a reload, and who waits for an answer gets it.
        late = []
        thread = threading.Thread(target=lambda: late.append(d.request("POST", "/api/login", {"username": "x"})))
        thread.start()
        self.assertEqual(self.put(d, {"version": 3, "address": "127.0.0.1:1"}, headers).status, 200)
        self.reload(d, headers)
        wait_until(lambda: d.request("GET", "/api/v3/process", headers=headers).status == 200, "the API")
        thread.join()
        self.assertEqual(late[0].status, 400)
        state = d.request("GET", "/api/v3/process/p/state", headers=headers).json
        self.assertEqual(state["exec"], "running")
        # It is there for the next daemon, too.
        self.assertEqual(d.stop(), 0)
        e = self.daemon(folder=d.folder)
        self.assertEqual(e.request("GET", "/api/v3/process").status, 401)

    def test_hangup(self):
        d = self.daemon()
        with open(self.file(d), "w") as f:
            json.dump({"name": "by hand", "ffmpeg": {"max_processes": 7}, "api": {"read_only": True}}, f)
        d.child.send_signal(signal.SIGHUP)
        wait_until(lambda: d.request("GET", "/api").json["name"] == "by hand", "the new name")
        self.assertTrue([l for l in d.log if "ffmpeg.max_processes: changes with a restart only" in l])
        self.assertEqual(d.request("POST", "/api/v3/process", self.config("p")).status, 404)
        self.assertEqual(self.put(d, {"version": 3}).status, 404)
        self.assertEqual(d.request("GET", "/api/v3/config/reload").status, 404)
        # What is wrong changes nothing.
        with open(self.file(d), "w") as f:
            json.dump({"name": "worse", "tls": {"address": "here"}}, f)
        d.child.send_signal(signal.SIGHUP)
        wait_until(lambda: [l for l in d.log if "is not reloaded" in l and "tls.address" in l], "the complaint")
        self.assertEqual(d.request("GET", "/api").json["name"], "by hand")


if __name__ == "__main__":
    unittest.main(verbosity=2)
