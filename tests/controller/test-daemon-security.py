#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Login, tokens, TLS: who may use the API, and how."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import unittest

from daemon import DEADLINE_S, DaemonTest, wait_until

LOGIN = {"CORE_API_AUTH_ENABLE": "true", "CORE_API_AUTH_USERNAME": "admin", "CORE_API_AUTH_PASSWORD": "secret"}
RIGHT = {"username": "admin", "password": "secret"}


class SecurityTest(DaemonTest):
    def bearer(self, token):
        return {"Authorization": "Bearer " + token}

    def login(self, d):
        response = d.request("POST", "/api/login", RIGHT)
        self.assertEqual(response.status, 200, response.body)
        self.assertEqual(sorted(response.json), ["access_token", "refresh_token"])
        return response.json["access_token"], response.json["refresh_token"]

    def test_no_login_unless_asked_for(self):
        d = self.daemon()
        self.assertEqual(d.request("GET", "/api").json["auths"], [])
        self.assertEqual(d.request("POST", "/api/login", RIGHT).status, 404)

    def test_tokens(self):
        d = self.daemon(**LOGIN)
        # Who is not logged in learns where, and nothing else.
        about = d.request("GET", "/api")
        self.assertEqual((about.status, about.json), (200, {
            "app": "datarhei-core", "auths": ["localjwt"], "version": {"number": "16.0.0"}}))
        self.assertEqual(d.request("GET", "/ping").body, "pong")
        access, refresh = self.login(d)
        routes = [("GET", "/api/v3/process"), ("POST", "/api/v3/process"), ("DELETE", "/api/v3/process/x"),
                  ("GET", "/api/v3/log"), ("GET", "/api/v3/metadata"), ("GET", "/api/v3/nothing")]
        bad = [{}, self.bearer(""), self.bearer("x.y.z"), self.bearer(refresh), self.bearer(access + "x"),
               {"Authorization": "Basic " + access}, {"Authorization": access}]
        for method, path in routes:
            for headers in bad:
                self.assert_error(d.request(method, path, headers=headers), 401, "Unauthorized",
                                  ["Missing or invalid JWT token"])
        for headers in [self.bearer(access), {"Authorization": "bearer  " + access}]:
            self.assertEqual(d.request("GET", "/api/v3/process", headers=headers).status, 200)
        about = d.request("GET", "/api", headers=self.bearer(access)).json
        self.assertEqual(about["auths"], ["localjwt"])
        self.assertTrue(about["id"])
        # Refreshed by the other token only.
        path = "/api/login/refresh"
        self.assert_error(d.request("GET", path, headers=self.bearer(access)), 401, "Unauthorized")
        response = d.request("GET", path, headers=self.bearer(refresh))
        self.assertEqual((response.status, list(response.json)), (200, ["access_token"]))
        headers = self.bearer(response.json["access_token"])
        self.assertEqual(d.request("GET", "/api/v3/process", headers=headers).status, 200)
        # Tokens are nobody's to read.
        self.assertFalse([line for line in d.log if access in line or refresh in line or "secret" in line])

    def test_secret(self):
        first, second = (self.daemon(**LOGIN, CORE_API_AUTH_JWT_SECRET="x") for _ in range(2))
        other = self.daemon(**LOGIN)
        headers = self.bearer(self.login(first)[0])
        self.assertEqual(second.request("GET", "/api/v3/process", headers=headers).status, 200)
        self.assertEqual(other.request("GET", "/api/v3/process", headers=headers).status, 401)

    def test_disable_localhost(self):
        d = self.daemon(**LOGIN, CORE_API_AUTH_DISABLE_LOCALHOST="true")
        self.assertEqual(d.request("GET", "/api/v3/process").status, 200)
        # But not for whom a proxy on this machine asks.
        headers = {"X-Forwarded-For": "192.0.2.1"}
        self.assertEqual(d.request("GET", "/api/v3/process", headers=headers).status, 401)

    def test_wrong_passwords(self):
        d = self.daemon(**LOGIN)
        answers = []

        def try_login(body, status, message, details):
            answers.append((d.request("POST", "/api/login", body), status, message, details))

        wrong = "Invalid authorization credentials: invalid username or password"
        missing = "Missing authorization credentials"
        tries = [({"username": "admin", "password": "x"}, 401, "Unauthorized", wrong),
                 ({"username": "x", "password": "secret"}, 401, "Unauthorized", wrong),
                 ({"username": "admin"}, 400, "Bad Request", missing),
                 ({"username": "admin", "password": 7}, 400, "Bad Request", missing),
                 ([], 400, "Bad Request", missing), ("{", 400, "Bad Request", missing)]
        threads = [threading.Thread(target=try_login, args=one) for one in tries]
        for thread in threads:
            thread.start()
        # Nobody waits for them.
        access, _ = self.login(d)
        self.assertEqual(d.request("GET", "/api/v3/process", headers=self.bearer(access)).status, 200)
        self.assertEqual(answers, [])
        for thread in threads:
            thread.join()
        for answer, status, message, details in answers:
            self.assert_error(answer, status, message, [details])
        self.assertEqual(len(answers), len(tries))

    def test_heads_that_do_not_come(self):
        d = self.daemon()
        silent, slow, long_one = (socket.create_connection(("127.0.0.1", d.port), DEADLINE_S) for _ in range(3))
        with silent, slow, long_one:
            slow.sendall(b"GET /ping HTTP/1.1\r\nHost: local")
            try:
                long_one.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100000)
                self.assertNotIn(b"pong", long_one.recv(1000))
            except ConnectionError:
                pass
            for one in (silent, slow):
                try:
                    self.assertNotIn(b"pong", one.recv(1000))  # its end, sooner than our deadline
                except ConnectionResetError:
                    pass
        self.assertEqual(d.request("GET", "/ping").body, "pong")

    def test_guessing_is_bounded(self):
        d = self.daemon(**LOGIN)
        connections = []
        for _ in range(40):
            connection = http.client.HTTPConnection("127.0.0.1", d.port, timeout=DEADLINE_S)
            self.addCleanup(connection.close)
            connections.append(connection)
            connection.request("POST", "/api/login", json.dumps({"username": "a", "password": "b"}),
                               {"Content-Type": "application/json", "X-Forwarded-For": "192.0.2.1"})
        # Another address may, at once.
        response = d.request("POST", "/api/login", RIGHT, {"X-Forwarded-For": "192.0.2.2"})
        self.assertEqual(response.status, 200, response.body)
        answers = [connection.getresponse() for connection in connections]
        self.assertEqual({answer.status for answer in answers}, {401, 429})
        self.assertEqual({int(a.headers["Retry-After"]) >= 1 for a in answers if a.status == 429}, {True})

    def test_addresses_and_options(self):
        d = self.daemon(CORE_FFMPEG_ACCESS_CONFINE="everything", CORE_FFMPEG_ACCESS_OUTPUT_BLOCK=r"^rtmp:// \.exe$",
                        CORE_FFMPEG_ACCESS_INPUT_ALLOW="^rtsp:// ^fi{1,3}le:")
        data = os.path.join(d.folder, "data")

        def config(ident, output, **members):
            config = self.config(ident, output, autostart=False)
            config["input"][0]["address"] = "rtsp://x/y"
            config.update(members)
            return config

        def refused(body, details, method="POST", path=""):
            response = d.request(method, "/api/v3/process" + path, body)
            self.assert_error(response, 400, "Process can't be updated" if path else "Invalid process config", [details])

        good = config("good", "{diskfs}/x.mp4")
        response = d.request("POST", "/api/v3/process", good)
        self.assertEqual(response.status, 200, response.body)
        self.assertEqual(response.json["output"][0]["address"], "{diskfs}/x.mp4")
        passwd = "/etc/passwd is not inside of " + data
        refused(config("p", "/etc/passwd"), "the address for output '#p:out' is invalid: " + passwd)
        refused(config("p", "{diskfs}/../../../etc/passwd"),
                "the address for output '#p:out' is invalid: " + passwd)
        refused(config("p", "rtmp://x/y"), "the address for output '#p:out' is invalid: address is not allowed")
        refused(config("p", "-", input=[{"id": "in", "address": "http://x/y"}]),
                "the address for input '#p:in' (http://x/y) is invalid: address is not allowed")
        refused(config("p", "-", options=["-progress", "/etc/passwd"]),
                "the options for the process 'p' are invalid: -progress: " + passwd)
        self.assertEqual(d.process("p").status, 404)
        refused({"output": [{"address": "/etc/passwd"}]},
                "the address for output '#good:out' is invalid: " + passwd, "PUT", "/good")
        # What was stored under other rules is listed, does not run, and says why.
        self.assertEqual(d.command("good", "start").status, 200)
        self.assertEqual(d.stop(), 0)
        e = self.daemon(folder=d.folder, CORE_FFMPEG_ACCESS_OUTPUT_BLOCK="mp4", CORE_FFMPEG_ACCESS_CONFINE="outputs")
        self.assertEqual((e.state("good")["order"], e.state("good")["exec"]), ("start", "failed"))
        self.assertEqual(e.state("good")["last_logline"],
                         "the address for output '#good:out' is invalid: address is not allowed")

    def make_certificate(self, folder, name):
        cert, key = (os.path.join(folder, kind + ".pem") for kind in ("cert", "key"))
        for path in (cert, key):
            if os.path.exists(path):
                os.unlink(path)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=" + name,
                        "-addext", "subjectAltName=DNS:" + name],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        return cert, key

    def https_get(self, port, cert, name, path="/ping"):
        context = ssl.create_default_context(cafile=cert)
        raw = http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE_S)
        sock = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        raw.sock = context.wrap_socket(sock, server_hostname=name)
        try:
            raw.request("GET", path)
            return raw.getresponse().read().decode()
        finally:
            raw.close()

    def test_tls(self):
        folder = self.daemon()  # for its folder
        folder.stop()
        cert, key = self.make_certificate(folder.folder, "first.example")
        d = self.daemon(folder=folder.folder, CORE_TLS_ENABLE="true", CORE_TLS_ADDRESS="127.0.0.1:0",
                        CORE_TLS_CERT_FILE=cert, CORE_TLS_KEY_FILE=key)

        def https_port():
            for line in list(d.log):
                if "listening on https://127.0.0.1:" in line:
                    return int(line.rsplit(":", 1)[1].rstrip("/"))
            return None

        port = wait_until(https_port, "HTTPS")
        self.assertEqual(self.https_get(port, cert, "first.example"), "pong")
        self.assertEqual(d.request("GET", "/ping").body, "pong")  # HTTP is there too
        with self.assertRaises(ssl.SSLError):
            self.https_get(port, cert, "other.example")
        # Rubbish in its place changes nothing.
        with open(key) as f:
            good_key = f.read()
        with open(key, "w") as f:
            f.write("rubbish")
        d.child.send_signal(signal.SIGHUP)
        wait_until(lambda: [l for l in d.log if "the certificate before stays in use" in l], "the complaint")
        self.assertEqual(self.https_get(port, cert, "first.example"), "pong")
        with open(key, "w") as f:
            f.write(good_key)
        # Another one is taken when it is there.
        self.make_certificate(folder.folder, "second.example")
        d.child.send_signal(signal.SIGHUP)
        wait_until(lambda: [l for l in d.log if "the certificate has changed" in l], "the new certificate")
        self.assertEqual(self.https_get(port, cert, "second.example"), "pong")

    def test_tls_that_cannot_be(self):
        env = dict(os.environ, CORE_ADDRESS="127.0.0.1:0", CORE_TLS_ADDRESS="127.0.0.1:0", CORE_TLS_ENABLE="true",
                   CORE_TLS_CERT_FILE="/does/not/exist", CORE_TLS_KEY_FILE="/does/not/exist")
        result = subprocess.run([self.program], env=env, capture_output=True, text=True, timeout=30)
        self.assertEqual(result.returncode, os.EX_UNAVAILABLE)
        self.assertIn("TLS: ", result.stderr)
        env["CORE_TLS_KEY_FILE"] = ""
        result = subprocess.run([self.program], env=env, capture_output=True, text=True, timeout=30)
        self.assertEqual(result.returncode, os.EX_CONFIG)
        self.assertIn("tls.key_file: must be set for tls.enable", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
