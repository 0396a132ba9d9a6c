#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bad network between a WHEP viewer and its server, on loopback.

    lossy-relay.py --server http://127.0.0.1:8080 [--loss 0.05] [--seed 1]

Viewers use the relay's HTTP port in place of the server's. What they post loses its candidates, and the
answer's are replaced by the relay's one, by UDP: so all media goes through here. Like a NAT, the relay has a
socket towards the server for each address of a viewer. Each datagram, either way, is dropped with the
probability --loss; each direction has its own sequence of pseudo-random numbers.

Commands on standard input, one a line, each answered by a line of JSON with all counters:
    rebind      new sockets towards the server, at another address and port (127.0.0.2, 127.0.0.3, ...);
                what comes to the old ones goes nowhere, and nothing tells the server
    loss P      another probability
    stats       nothing but the answer
The end of standard input ends it. The first line is JSON, too: {"url": where viewers go, "udp": port}.
"""

import argparse
import http.client
import http.server
import json
import os
import random
import re
import selectors
import socket
import sys
import threading
import urllib.parse

MAX_BODY = 4 << 20
BUFFER = 4 << 20
HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te", "upgrade"}
CANDIDATE = re.compile(rb"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", re.IGNORECASE)


def open_socket(address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    s.bind((address, 0))
    s.setblocking(False)
    return s


class Relay:
    """Thread: the main one, but learn()."""

    def __init__(self, loss, seed):
        self.loss = loss
        self.dice = {way: random.Random(f"{seed} {way}") for way in ("up", "down")}
        self.counters = {"up": 0, "up_dropped": 0, "down": 0, "down_dropped": 0, "stale": 0, "unsent": 0,
                         "mappings": 0, "rebinds": 0}
        self.selector = selectors.DefaultSelector()
        self.front = open_socket("127.0.0.1")
        self.port = self.front.getsockname()[1]
        self.server = None  # its UDP address, from an answer
        self.mappings = {}  # a viewer's address: socket towards the server
        self.selector.register(self.front, selectors.EVENT_READ, self.from_viewer)
        self.done = False

    def learn(self, server):
        """The HTTP side has seen an answer."""
        self.server = server

    def send(self, way, s, data, to):
        self.counters[way] += 1
        if self.dice[way].random() < self.loss:
            self.counters[way + "_dropped"] += 1
            return
        try:
            s.sendto(data, to)
        except OSError:
            self.counters["unsent"] += 1  # a loss too, and shown

    @staticmethod
    def datagrams(s):
        for _ in range(64):
            try:
                yield s.recvfrom(65536)
            except BlockingIOError:
                return
            except OSError:
                continue  # ICMP's word about one that was sent before

    def from_viewer(self, _):
        for data, viewer in self.datagrams(self.front):
            if not self.server:
                continue
            if viewer not in self.mappings:
                self.map(viewer)
            self.send("up", self.mappings[viewer], data, self.server)

    def map(self, viewer):
        # A socket that is bound to 127.0.0.N sends from there.
        s = open_socket(f"127.0.0.{1 + self.counters['rebinds'] % 250}")
        self.counters["mappings"] += 1
        self.mappings[viewer] = s
        self.selector.register(s, selectors.EVENT_READ, lambda mapped: self.from_server(mapped, viewer))

    def from_server(self, s, viewer):
        for data, _ in self.datagrams(s):
            if self.mappings[viewer] is s:
                self.send("down", self.front, data, viewer)
            else:
                self.counters["stale"] += 1

    def rebind(self):
        self.counters["rebinds"] += 1
        # The old ones stay open, so that no ICMP message tells the server.
        for viewer in list(self.mappings):
            self.map(viewer)

    def command(self, line):
        words = line.split()
        try:
            if words == ["rebind"]:
                self.rebind()
            elif len(words) == 2 and words[0] == "loss" and 0 <= float(words[1]) < 1:
                self.loss = float(words[1])
            elif words != ["stats"]:
                raise ValueError
        except ValueError:
            return tell({"error": f"not a command: {line}"})
        return tell(self.counters)

    def run(self):
        os.set_blocking(sys.stdin.fileno(), False)
        rest = b""

        def commands(_):
            nonlocal rest
            data = os.read(sys.stdin.fileno(), 4096)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.command(line.decode(errors="replace"))
            self.done = not data
        self.selector.register(sys.stdin, selectors.EVENT_READ, commands)
        while not self.done:
            for key, _ in self.selector.select():
                key.data(key.fileobj)


def tell(what):
    print(json.dumps(what), flush=True)


def make_handler(base, relay):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self):
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 <= length <= MAX_BODY:
                return self.send_error(413)
            body = self.rfile.read(length)
            sdp = self.headers.get("Content-Type", "").startswith("application/sdp")
            if sdp:  # else the server would know a way around
                body = re.sub(rb"^a=candidate:.*\r?\n", b"", body, flags=re.MULTILINE)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_HEADERS}
            connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
            try:
                connection.request(self.command, self.path, body if length else None, headers)
                reply = connection.getresponse()
                data = reply.read()
            except OSError as error:
                return self.send_error(502, str(error))
            finally:
                connection.close()
            if reply.status == 201 and reply.getheader("Content-Type", "").startswith("application/sdp"):
                data = self.redirect(data)
            self.send_response(reply.status, reply.reason)
            for name, value in reply.getheaders():
                if name.lower() not in HOP_HEADERS | {"date", "server"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            return self.wfile.write(data)

        def redirect(self, answer):
            """The answer with the relay in place of the server's address on loopback, and no other."""
            kept = []
            for line in answer.splitlines(keepends=True):
                found = CANDIDATE.match(line)
                if found and found[1] == b"127.0.0.1":
                    relay.learn((found[1].decode(), int(found[2])))
                    kept.append(b"a=candidate:1 1 udp 2130706431 127.0.0.1 %d typ host\r\n" % relay.port)
                elif not line.startswith(b"a=candidate:"):
                    kept.append(line)
            return b"".join(kept)

        do_GET = do_POST = do_DELETE = do_PATCH = do_OPTIONS = forward

        def log_message(self, *_):
            pass
    return Handler


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--loss", type=float, default=0)
    parser.add_argument("--seed", default="1")
    arguments = parser.parse_args()
    if not 0 <= arguments.loss < 1:
        parser.error("--loss is a probability")
    relay = Relay(arguments.loss, arguments.seed)
    proxy = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), make_handler(urllib.parse.urlsplit(arguments.server), relay))
    proxy.daemon_threads = True
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    tell({"url": f"http://127.0.0.1:{proxy.server_address[1]}", "udp": relay.port})
    relay.run()
    proxy.shutdown()


main()
