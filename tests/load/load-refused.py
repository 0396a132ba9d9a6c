#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Servers that refuse, lie or say nothing: a clear message, exit status 1, and an end."""

import http.server
import json
import socket
import threading
import time

from load_harness import Load
from harness import check, free_port, run

FINGERPRINT = ":".join(["AB"] * 32)


def answer(candidates=("1 1 udp 2130706431 127.0.0.1 9 typ host",), setup="passive", extra=""):
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE video audio", "a=ice-lite"]
    for medium, payload in (("video", "102 H264/90000"), ("audio", "111 opus/48000/2")):
        lines += [f"m={medium} 9 UDP/TLS/RTP/SAVPF {payload.split()[0]}", "c=IN IP4 0.0.0.0", f"a=mid:{medium}",
                  "a=sendonly", "a=rtcp-mux", "a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 24,
                  "a=fingerprint:sha-256 " + FINGERPRINT, "a=setup:" + setup, "a=rtpmap:" + payload]
        lines += ["a=candidate:" + candidate for candidate in candidates]
    return "\r\n".join(lines) + "\r\n" + extra


class Server(http.server.ThreadingHTTPServer):
    """Answers each POST as it is told to, and notes what was asked."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass  # the client has given up, as it should

    def _reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_DELETE(self):
        self.server.asked.append(("DELETE", self.path, self.headers.get("Authorization")))
        self._reply(204)

    def do_POST(self):
        offer = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append(("POST", self.path, self.headers.get("Authorization")))
        what = self.path.split("?")[0].strip("/")
        if what.isdigit():
            problem = {"status": int(what), "title": "no", "detail": f"the reason of {what}\x1b[31m"}
            self._reply(int(what), json.dumps(problem).encode(), Content_Type="application/problem+json")
        elif what == "redirect":
            self._reply(307, Location="/404")
        elif what == "silent":
            time.sleep(30)
        elif what == "cut":
            self.send_response(201)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"v=0\r\n")
            self.close_connection = True
        elif what == "html":
            self._reply(201, b"<html>", Content_Type="text/html")
        elif what == "elsewhere":
            self._reply(201, answer().encode(), Content_Type="application/sdp", Location="http://127.0.0.2:1/session")
        else:
            body = {
                "empty": "", "garbage": "v=0\r\nhello\r\n", "huge": "a" * 2_000_000, "echo": offer,
                "actpass": answer(setup="actpass"), "nowhere": answer(candidates=()), "deaf": answer(),
                "many": answer(candidates=[f"{i} 1 udp {i + 1} 127.0.0.1 {i + 1} typ host" for i in range(900)]),
            }[what]
            self._reply(201, body.encode(), Content_Type="application/sdp", Location="/session/1")


def refused(url, *wanted, options=(), viewers=2):
    load = Load("--url", url, "--viewers", viewers, "--rate", 100, "--seconds", 1, "--json", "-", *options)
    check(load.status == 1, load.says())
    check("\x1b" not in load.out, "a control character of the server's came through")
    report = load.json()
    check(report["ok"] is False and report["joins"]["failed"] == viewers, load.says())
    reasons = report["joins"]["failures"]
    check(sum(r["count"] for r in reasons) == viewers, load.says())
    for text in wanted:
        check(any(text in r["reason"] for r in reasons), f"{text!r} is not said\n" + load.says())
    return load


def statuses(server):
    for status, name in ((404, "Not Found"), (405, "Method Not Allowed"), (406, "Not Acceptable"),
                         (409, "Conflict"), (500, "Internal Server Error")):
        refused(f"{server.url}/{status}", f"POST: {status} {name}: the reason of {status}")
    refused(server.url + "/redirect", "307", "not followed")
    check(("POST", "/404", None) in server.asked, "asked for 404 before")
    before = server.asked.count(("POST", "/404", None))
    refused(server.url + "/redirect", "307")
    check(server.asked.count(("POST", "/404", None)) == before, "the redirection was followed")


def answers(server):
    for path, wanted in (("empty", "empty"), ("garbage", "line 2"), ("huge", "more than"), ("echo", "sends neither"),
                         ("actpass", "DTLS role"), ("nowhere", "no UDP candidate"), ("html", "not application/sdp")):
        refused(f"{server.url}/{path}", wanted)
    refused(server.url + "/cut", "POST")


def late(server):
    for path, wanted in (("silent", "no reply to the POST after 1 s"), ("deaf", "no media after 1 s"),
                         ("many", "no media after 1 s")):
        refused(f"{server.url}/{path}", wanted, options=("--timeout", 1))
    # A session that was made is deleted, whatever became of it.
    check(server.asked.count(("DELETE", "/session/1", None)) >= 4, str(server.asked[-8:]))


def token(server):
    server.asked.clear()
    refused(server.url + "/deaf", "no media", options=("--timeout", 0.5, "--token", "se-cret"), viewers=1)
    check(("POST", "/deaf", "Bearer se-cret") in server.asked, str(server.asked))
    check(("DELETE", "/session/1", "Bearer se-cret") in server.asked, str(server.asked))
    load = refused(server.url + "/elsewhere?key=hidden", "no media", options=("--timeout", 0.5), viewers=1)
    check("hidden" not in load.out, "the URL's query is shown")


def nobody():
    refused(f"http://127.0.0.1:{free_port()}/whep", "refused")
    # Something that takes connections and never speaks.
    with socket.create_server(("127.0.0.1", 0), backlog=8) as mute:
        refused(f"http://127.0.0.1:{mute.getsockname()[1]}/whep", "no reply", options=("--timeout", 1))


def command_line():
    for arguments in ((), ("--url", "file:///x"), ("--url", "http://u:p@h/"), ("--url", "http://h/", "--viewers", 0),
                      ("--url", "http://h/", "--rate", "inf"), ("--url", "http://h/", "--srtp", "des"),
                      ("--url", "http://h/", "--nonsense"), ("--url", "http://h/", "and"),
                      ("--url", "http://h/", "--json", "/nonexistent/folder/file")):
        load = Load(*arguments)
        check(load.status == 2 and load.err.startswith("rtprestream-load: "), f"{arguments}\n" + load.says())
    check(Load("--version").status == 0, "--version")


def test():
    server = Server()
    statuses(server)
    answers(server)
    late(server)
    token(server)
    nobody()
    command_line()


run(test)
