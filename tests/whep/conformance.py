# SPDX-License-Identifier: LGPL-2.1-or-later
"""WHEP to the letter: one case for each requirement of draft-ietf-wish-whep and of its events extension, against
a live rtprestreamd with real FFmpeg processes. The table in docs/whep.md is made of the result, and compared with it;
`--update` as the last argument writes it."""

import base64
import email.utils
import hashlib
import hmac
import http.client
import itertools
import json
import os
import re
import secrets
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "controller"))
from daemon import DEADLINE_S, Daemon, wait_until  # noqa: E402

VIEWER = os.environ["TEST_VIEWER"]
DOCS = os.path.join(os.environ["RTPRESTREAM_SOURCE_ROOT"], "docs", "whep.md")
BEGIN, END = "<!-- conformance: begin -->\n", "<!-- conformance: end -->\n"

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
JSON = "application/json"
TOKEN = "c0nf0rmance-t0ken"
TURN_SECRET = "c0nf0rmance-turn-secret"
EVENTS_URN = "urn:ietf:params:whep:ext:core:server-sent-events"


class Peer:
    """What a viewer's offer or answer is made of; nobody is behind the fingerprint."""

    def __init__(self, audio=True, codec="H264"):
        self.ufrag, self.pwd = secrets.token_hex(4), secrets.token_hex(12)
        self.audio, self.codec = audio, codec

    def sdp(self, setup="actpass", direction="recvonly", origin=None):
        print_ = ":".join("%02X" % b for b in secrets.token_bytes(32))
        common = ("c=IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\n"
                  "a=fingerprint:sha-256 %s\r\na=setup:%s\r\na=rtcp-mux\r\na=rtcp-mux-only\r\na=%s\r\n"
                  % (self.ufrag, self.pwd, print_, setup, direction))
        text = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE %s\r\n"
                % ("0 1" if self.audio else "0"))
        text += "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" + common + "a=mid:0\r\na=rtpmap:96 %s/90000\r\n" % self.codec
        if self.codec == "H264":
            text += "a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n"
        text += "a=rtcp-fb:96 nack\r\n"
        if self.audio:
            text += "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" + common + "a=mid:1\r\na=rtpmap:111 opus/48000/2\r\n"
        return text

    def fragment(self, *candidates, ufrag=None, pwd=None, mid="0"):
        text = ("a=group:BUNDLE 0 1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:%s\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n"
                % (mid, ufrag or self.ufrag, pwd or self.pwd))
        return text + "".join("a=candidate:%s\r\n" % c for c in candidates)

    def restart(self):
        """New credentials, as a fragment."""
        self.ufrag, self.pwd = secrets.token_hex(4), secrets.token_hex(12)
        return self.fragment("1 1 udp 2122260223 192.0.2.1 61764 typ host")


def attribute(sdp, name):
    found = re.search(r"^a=%s:?(.*?)\r?$" % name, sdp, re.M)
    return found and found[1]


def sections(sdp):
    return re.split(r"^(?=m=)", sdp, flags=re.M)[1:]


def candidate_address(sdp):
    for address, port in re.findall(r"^a=candidate:\S+ 1 udp \d+ (127\.\S+) (\d+) typ host", sdp, re.M | re.I):
        return address, int(port)
    raise AssertionError("no loopback candidate in\n" + sdp)


CONSENT_S = 30  # RFC 7675, section 5.1


def stun_check(sdp, peer, tries=30):
    """Sends a connectivity check by the credentials of sdp; True when it is answered with success."""
    # A full agent that has made the offer is in control itself (RFC 8445, section 6.1.1).
    role = 0x8029 if "a=setup:actpass" in sdp and attribute(sdp, "ice-lite") is None else 0x802a
    ufrag, pwd = attribute(sdp, "ice-ufrag"), attribute(sdp, "ice-pwd").encode()

    def attr(kind, value):
        return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)

    body = (attr(0x0006, ("%s:%s" % (ufrag, peer.ufrag)).encode()) + attr(0x0024, struct.pack("!I", 1853824767))
            + attr(role, secrets.token_bytes(8)))
    transaction = secrets.token_bytes(12)

    def header(length):
        return struct.pack("!HHI", 1, length, 0x2112A442) + transaction

    mac = hmac.new(pwd, header(len(body) + 24) + body, hashlib.sha1).digest()
    body += attr(0x0008, mac)
    crc = zlib.crc32(header(len(body) + 8) + body) ^ 0x5354554E
    message = header(len(body) + 8) + body + attr(0x8028, struct.pack("!I", crc))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(0.3)
        for _ in range(tries):  # an order may still be on its way to the session
            s.sendto(message, candidate_address(sdp))
            try:
                while True:
                    answer = s.recv(2048)
                    if answer[8:20] == transaction:
                        if answer[:2] == b"\x01\x01":
                            return True
                        break
            except socket.timeout:
                pass
    return False


class EventReader:
    """A GET of an event stream, read by a thread."""

    def __init__(self, daemon, path):
        self.connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=DEADLINE_S)
        self.connection.request("GET", path)
        self.response = self.connection.getresponse()
        self.text, self.ended = "", False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            while data := self.response.read1(4096):
                self.text += data.decode()
        except (OSError, http.client.HTTPException, ValueError):
            pass
        self.ended = True

    def events(self):
        found = []
        for block in self.text.split("\n\n")[:-1]:
            if not block.startswith(":"):
                lines = block.split("\n")
                assert len(lines) == 2 and lines[0].startswith("event: ") and lines[1].startswith("data: "), block
                found.append((lines[0][7:], json.loads(lines[1][6:])))
        return found

    def wait(self, kind):
        return wait_until(lambda: [data for name, data in self.events() if name == kind], "event " + kind)

    def close(self):
        if self.connection.sock:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(DEADLINE_S)
        self.response.close()
        self.connection.close()


class Conformance(unittest.TestCase):
    INPUT = [{"id": "v", "address": "testsrc=size=160x120:rate=25", "options": ["-f", "lavfi", "-re"]},
             {"id": "a", "address": "sine=sample_rate=48000", "options": ["-f", "lavfi", "-re"]}]

    @classmethod
    def setUpClass(cls):
        cls.statuses = set()
        cls.d = Daemon(os.environ["RTPRESTREAMD"], CORE_WHEP_RATE_LIMIT="2", CORE_WEBRTC_TRANSPORT="native",
                       CORE_WEBRTC_MAX_VIEWERS_PER_PROCESS="16", CORE_WHEP_TURN_SECRET=TURN_SECRET,
                       CORE_WHEP_ICE_SERVERS="stun:stun.example.org:3478,turn:turn.example.org:3478?transport=udp")
        cls.addClassCleanup(cls.d.clean_up)
        cls.add("cam")
        cls.add("full", transport="webrtcbin")
        cls.add("events")
        cls.add("secret", token=TOKEN)
        cls.add("later", autostart=False)
        for ident in ["cam", "full", "events"]:
            cls.wait_media(ident)

    @classmethod
    def add(cls, ident, autostart=True, **webrtc):
        config = {"id": ident, "input": cls.INPUT, "autostart": autostart,
                  "output": [{"id": "o", "address": "-", "options": ["-f", "null"]}],
                  "webrtc": dict(webrtc, enabled=True, force_transcode=True, audio_map="1:a:0")}
        response = cls.d.request("POST", "/api/v3/process", config)
        assert response.status == 200, response.body

    @classmethod
    def wait_media(cls, ident):
        offer = lambda: cls.call("POST", "/whep/" + ident, "v=0\r\n", {"Content-Type": SDP})
        wait_until(lambda: offer().status != 409, "media of " + ident)

    @classmethod
    def call(cls, method, path, body=None, headers=None):
        response = cls.d.request(method, path, body, headers)
        cls.statuses.add(response.status)
        return response

    def post(self, ident="cam", peer=None, **headers):
        return self.call("POST", "/whep/" + ident, (peer or Peer()).sdp(), {"Content-Type": SDP, **headers})

    def session(self, ident="cam", peer=None):
        """A new one: (URL, entity tag, answer); it ends with the case."""
        response = self.post(ident, peer)
        self.assertEqual(response.status, 201, response.body)
        url = response.headers["Location"]
        self.addCleanup(self.call, "DELETE", url)
        return url, response.headers["ETag"], response.body

    def patch(self, url, body, tag=None, kind=FRAGMENT):
        headers = {"Content-Type": kind}
        if tag is not None:
            headers["If-Match"] = tag
        return self.call("PATCH", url, body, headers)

    def counter_offer(self, body="", ident="cam", **headers):
        response = self.call("POST", "/whep/" + ident, body, {"Content-Type": SDP, **headers})
        self.assertEqual(response.status, 406, response.body)
        self.addCleanup(self.call, "DELETE", response.headers["Location"])
        return response

    def assert_error(self, response, *statuses):
        self.assertIn(response.status, statuses, response.body)
        self.assertTrue(response.headers["Content-Type"].startswith("application/problem+json"))
        self.assertEqual(response.json["status"], response.status)

    def view(self, ident, *arguments):
        """A real viewer, in a process of its own; its events so far, as a list that grows."""
        events = []
        child = subprocess.Popen([VIEWER, "--json", "--url", "http://127.0.0.1:%d/whep/%s" % (self.d.port, ident),
                                  "--seconds", "60", *arguments], stdout=subprocess.PIPE, text=True)

        def read():
            for line in child.stdout:
                events.append(json.loads(line))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()

        def end():
            if child.poll() is None:
                child.kill()
            child.wait()
            thread.join()
            child.stdout.close()

        self.addCleanup(end)
        wait_until(lambda: any(e["event"] == "media" for e in events), "media")
        return child, events

    def finish(self, child, events):
        child.wait(DEADLINE_S)
        return wait_until(lambda: [e for e in events if e["event"] == "viewer"], "the viewer's end")[0]

    def test_W01(self):
        """MUST | GET on endpoint and session: 2xx, no content"""
        for path in ["/whep/cam", "/whep/later", "/api/v3/whep/cam", self.session()[0]]:
            response = self.call("GET", path)
            self.assertIn(response.status, [200, 204])
            self.assertEqual(response.body, "")

    def test_W02(self):
        """SHOULD | HEAD on endpoint: 200, `Content-Type: application/sdp`, GET's headers"""
        head, get = self.call("HEAD", "/whep/cam"), self.call("GET", "/whep/cam")
        self.assertEqual((head.status, head.body), (200, ""))
        self.assertEqual(head.headers["Content-Type"], SDP)
        for name in get.headers:
            if name != "Date":
                self.assertEqual(head.headers[name], get.headers[name], name)

    def test_W03(self):
        """MUST | POST of an offer: 201, `application/sdp`, the answer, `Location`"""
        response = self.post()
        self.assertEqual(response.status, 201)
        self.assertEqual(response.headers["Content-Type"], SDP)
        self.assertTrue(response.body.startswith("v=0\r\n"))
        self.assertEqual(self.call("DELETE", response.headers["Location"]).status, 200)

    def test_W04(self):
        """MUST | the answer is one of JSEP 5.3.1"""
        _, _, answer = self.session()
        self.assertRegex(answer, r"\Av=0\r\no=- \d+ \d+ IN IP4 \S+\r\ns=-\r\nt=0 0\r\n")
        self.assertEqual([s.split()[0] for s in sections(answer)], ["m=video", "m=audio"])
        for index, section in enumerate(sections(answer)):
            self.assertEqual(attribute(section, "mid"), str(index))
            self.assertIn(attribute(section, "setup"), ["active", "passive"])
            self.assertTrue(attribute(section, "fingerprint"))
            self.assertIn("UDP/TLS/RTP/SAVPF", section)
        self.assertEqual(attribute(answer, "group"), "BUNDLE 0 1")

    def test_W05(self):
        """MUST | counter-offer: 406, `application/sdp`, an offer of JSEP 5.2.1, `Location`"""
        # Asked for by an empty body; and in place of an offer that has no place for the stream.
        self.assert_error(self.call("POST", "/whep/cam", Peer(audio=False, codec="VP8").sdp(), {"Content-Type": SDP}), 406)
        for ident, body in itertools.product(["cam", "full"], ["", Peer().sdp(direction="sendonly")]):
            response = self.counter_offer(body, ident)
            self.assertTrue(response.headers["Content-Type"].startswith(SDP))
            offer = response.body
            self.assertRegex(offer, r"\Av=0\r\no=- \d+ \d+ IN IP4 \S+\r\ns=-\r\nt=0 0\r\n")
            self.assertEqual(len(sections(offer)), 2)
            for section in sections(offer):
                self.assertEqual(attribute(section, "setup"), "actpass")
                self.assertIsNotNone(attribute(section, "rtcp-mux"))
            self.assertRegex(response.headers["Location"], r"^/whep/%s/[0-9a-f]{32}$" % ident)

    def test_W06(self):
        """MAY | `valid-until` is an HTTP-date; without it 30 s"""
        response = self.counter_offer()
        text = re.search(r'valid-until="([^"]+)"', response.headers["Content-Type"])[1]
        self.assertRegex(text, r"^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$")
        self.assertLessEqual(abs(email.utils.parsedate_to_datetime(text).timestamp() - time.time() - 30), 10)

    def test_W07(self):
        """MUST | PATCH `application/sdp` with the answer: 204; malformed: 4xx"""
        for ident, setup in itertools.product(["cam", "full"], ["active", "passive"]):
            response, peer = self.counter_offer(ident=ident), Peer()
            url = response.headers["Location"]
            self.assert_error(self.patch(url, "v=0\r\n", kind=SDP), 400)
            self.assert_error(self.patch(url, peer.sdp(setup="actpass"), kind=SDP), 400)
            answered = self.patch(url, peer.sdp(setup=setup), kind=SDP)
            self.assertEqual((answered.status, answered.body), (204, ""))
            self.assertTrue(stun_check(response.body, peer))
            # A session that has its answer takes no other.
            self.assert_error(self.patch(url, peer.sdp(setup=setup), kind=SDP), 422)
            self.assertEqual(self.patch(url, peer.fragment(), answered.headers["ETag"]).status, 204)

    def test_W08(self):
        """MUST | POST of another type or of malformed SDP: 4xx"""
        for kind in ["text/plain", "application/json", None]:
            self.assert_error(self.call("POST", "/whep/cam", Peer().sdp(), {"Content-Type": kind} if kind else {}), 415)
        for body in ["v=0\r\n", "garbage", "\0\xff", Peer().sdp().replace("s=-", "x")]:
            self.assert_error(self.call("POST", "/whep/cam", body.encode("latin-1"), {"Content-Type": SDP}), 400)
        self.assert_error(self.call("POST", "/whep/cam", "x" * 200000, {"Content-Type": SDP}), 413)

    def test_W09(self):
        """MUST | the answer is `sendonly`, and so is the counter-offer"""
        for direction in ["recvonly", "sendrecv"]:
            answer = self.call("POST", "/whep/cam", Peer().sdp(direction=direction), {"Content-Type": SDP})
            self.addCleanup(self.call, "DELETE", answer.headers["Location"])
            for sdp in [answer.body, self.counter_offer().body, self.counter_offer(ident="full").body]:
                for section in sections(sdp):
                    self.assertRegex(section, r"(?m)^a=sendonly\r$")
                    self.assertNotRegex(section, r"(?m)^a=(recvonly|sendrecv|inactive)")

    def test_W10(self):
        """SHALL | no publisher: 409 with `Retry-After` in seconds"""
        response = self.post("later")
        self.assert_error(response, 409)
        self.assertGreater(int(response.headers["Retry-After"]), 0)

    def test_W11(self):
        """SHALL | dead viewers are noticed; DTLS teardown ends the session"""
        # Without DELETE, and without a close_notify: that is for native-hostile.
        child, events = self.view("cam", "--vanish")
        gone = lambda: [line for line in self.d.log if re.search("viewer v\\d+ removed: nothing was heard", line)]
        before = len(gone())
        child.send_signal(2)
        self.finish(child, events)
        wait_until(lambda: len(gone()) > before, "the end of the viewer", 2 * CONSENT_S)

    def test_W12(self):
        """MUST | the server ends a session by DTLS close_notify (RFC 7675, section 5.2)"""
        self.add("ending")
        self.wait_media("ending")
        child, events = self.view("ending", "--exit-when-closed")
        self.assertEqual(self.d.command("ending", "stop").status, 200)
        self.assertTrue(self.finish(child, events)["closed_by_server"])

    def test_W13(self):
        """(flow) | DELETE: 200, and all is freed"""
        child, events = self.view("cam")
        child.send_signal(2)
        self.assertEqual(self.finish(child, events)["delete_status"], 200)
        peer = Peer()
        url, _, answer = self.session(peer=peer)
        self.assertEqual(self.call("DELETE", url).status, 200)
        for method in ["GET", "DELETE", "PATCH"]:
            self.assertEqual(self.call(method, url, None, {"Content-Type": FRAGMENT, "If-Match": "*"}).status, 404)
        self.assertFalse(stun_check(answer, peer, 2))

    def test_W14(self):
        """MUST | OPTIONS for CORS"""
        url, _, _ = self.session()
        for path, method in [("/whep/cam", "POST"), (url, "PATCH"), (url, "DELETE"), (url + "/events", "POST"),
                             (url + "/events/x", "DELETE"), ("/whep/nobody", "POST")]:
            response = self.call("OPTIONS", path, None, {
                "Origin": "https://example.org", "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": "authorization, content-type, if-match"})
            self.assertEqual(response.status, 200)
            self.assertEqual(response.headers["Access-Control-Allow-Origin"], "*")
            self.assertIn(method, response.headers["Access-Control-Allow-Methods"])
            for name in ["Authorization", "Content-Type", "If-Match"]:
                self.assertIn(name, response.headers["Access-Control-Allow-Headers"])
        for name in ["Location", "Link", "ETag", "Retry-After", "WWW-Authenticate", "Accept-Patch"]:
            self.assertIn(name, self.call("GET", "/whep/cam").headers["Access-Control-Expose-Headers"])

    def test_W15(self):
        """SHOULD | OPTIONS: 200 with `Accept-Post: application/sdp`"""
        response = self.call("OPTIONS", "/whep/cam")
        self.assertEqual((response.status, response.headers["Accept-Post"]), (200, SDP))

    def test_W16(self):
        """RECOMMENDED | trickle ICE and ICE restart"""
        peer = Peer()
        url, tag, _ = self.session(peer=peer)
        self.assertEqual(self.patch(url, peer.fragment(), tag).status, 204)
        self.assertEqual(self.patch(url, peer.restart(), "*").status, 200)

    def test_W17(self):
        """MUST | PATCH of another type (but `application/sdp`, W07) or malformed: 4xx"""
        url, tag, _ = self.session()
        for kind in ["text/plain", JSON]:
            self.assert_error(self.patch(url, Peer().fragment(), tag, kind), 415)
        for body in ["", "garbage", "a=ice-ufrag:abcdefgh\r\n", "b=AS:1\r\n", "a=ice-ufrag:x\r\na=ice-pwd:y\r\n"]:
            self.assert_error(self.patch(url, body, tag), 400)
        self.assert_error(self.patch(url, "a=candidate:x\r\n" * 2000, tag), 413)
        self.assert_error(self.patch(url, "a" * 200000, tag), 413)

    def test_W18(self):
        """MUST | what supports trickle only answers a restart by 422 (`webrtcbin`; `native` does both)"""
        peer = Peer()
        url, tag, _ = self.session("full", peer)
        self.assertEqual(self.patch(url, peer.fragment("1 1 udp 2122260223 127.0.0.1 9 typ host"), tag).status, 204)
        self.assert_error(self.patch(url, Peer().restart(), "*"), 422)
        self.assertEqual(self.call("GET", url).status, 204)
        self.assertEqual(self.patch(url, peer.fragment(), tag).status, 204)

    def test_W19(self):
        """MUST | a unique strong entity tag for each ICE session, the first one in the 201"""
        tags = [self.session()[1] for _ in range(4)]
        for tag in tags:
            self.assertRegex(tag, r'^"[0-9a-f]{16}"$')
        self.assertEqual(len(set(tags)), 4)

    def test_W20(self):
        """MUST | DELETE ignores `If-Match`"""
        for tag in ['"stale"', 'W/"weak"', "garbage"]:
            url, _, _ = self.session()
            self.assertEqual(self.call("DELETE", url, None, {"If-Match": tag}).status, 200)

    def test_W21(self):
        """(will) | `If-Match` missing: 428; stale: 412"""
        peer = Peer()
        url, tag, _ = self.session(peer=peer)
        _, other, _ = self.session()
        self.assert_error(self.patch(url, peer.fragment()), 428)
        for stale in [other, '"stale"', "W/" + tag, tag.strip('"')]:
            self.assert_error(self.patch(url, peer.fragment(), stale), 412)
        renewed = self.patch(url, peer.restart(), "*").headers["ETag"]
        self.assert_error(self.patch(url, peer.fragment(), tag), 412)
        self.assertEqual(self.patch(url, peer.fragment(), renewed).status, 204)

    def test_W22(self):
        """SHALL | the answer has all candidates of the server"""
        for ident in ["cam", "full"]:
            answer = self.session(ident)[2]
            self.assertTrue(attribute(answer, "candidate"))
            self.assertIn("a=end-of-candidates\r\n", answer)

    def test_W23(self):
        """MUST | fragments as of RFC 8840, section 4.4"""
        peer = Peer()
        url, tag, _ = self.session(peer=peer)
        # Credentials of the session level or of each section's; sections are known by their mid.
        level = "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n" % (peer.ufrag, peer.pwd)
        self.assertEqual(self.patch(url, level + "m=video 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
                                    "a=end-of-candidates\r\n", tag).status, 204)
        self.assertEqual(self.patch(url, peer.fragment() + "m=audio 9 RTP/AVP 0\r\na=mid:1\r\n" + level, tag).status, 204)
        self.assert_error(self.patch(url, peer.fragment(mid="7"), tag), 422)  # of another session
        self.assert_error(self.patch(url, "m=video 9 RTP/AVP 0\r\n" + level, tag), 400)  # no mid

    def test_W24(self):
        """MUST | trickle: 204, no body, no `ETag`"""
        peer = Peer()
        url, tag, _ = self.session(peer=peer)
        response = self.patch(url, peer.fragment("1 1 udp 2122260223 192.0.2.1 61764 typ host"), tag)
        self.assertEqual((response.status, response.body, response.headers["ETag"]), (204, "", None))

    def test_W25(self):
        """MUST | candidates that cannot be used are ignored"""
        peer = Peer()
        url, tag, _ = self.session(peer=peer)
        odd = ["1 1 udp 1 7f7e2b0e-6c1e-4d5c-9f0e-0d2b1a3c4d5e.local 9 typ host", "1 1 sctp 1 192.0.2.1 9 typ host", "x",
               "1 2 udp 1 192.0.2.1 9 typ host", "1 1 udp 1 no.such.host.invalid 9 typ host",
               "1 1 tcp 1 192.0.2.1 9 typ host tcptype active", "1 1 udp 99999999999 192.0.2.1 9 typ host"]
        for ident in ["cam", "full"]:
            peer = Peer()
            url, tag, _ = self.session(ident, peer)
            self.assertEqual(self.patch(url, peer.fragment(*odd), tag).status, 204)
            many = ["%d 1 udp 1 192.0.2.1 %d typ host" % (i, i) for i in range(1, 900)]
            self.assertEqual(self.patch(url, peer.fragment(*many), tag).status, 204)
            self.assertEqual(self.call("GET", url).status, 204)

    def test_W26(self):
        """MUST | new credentials restart ICE: 200, fragment with the server's new ones, new `ETag`"""
        peer = Peer()
        url, tag, answer = self.session(peer=peer)
        self.assertTrue(stun_check(answer, peer))
        for _ in range(3):
            old = (tag, answer)
            response = self.patch(url, peer.restart(), "*")
            self.assertEqual(response.status, 200, response.body)
            self.assertEqual(response.headers["Content-Type"], FRAGMENT)
            tag, answer = response.headers["ETag"], response.body
            self.assertNotEqual(tag, old[0])
            for name in ["ice-ufrag", "ice-pwd"]:
                self.assertNotEqual(attribute(answer, name), attribute(old[1], name))
            self.assertTrue(attribute(answer, "candidate"))
            self.assertTrue(stun_check(answer, peer))
            self.assertFalse(stun_check(old[1], peer, 2))  # replaced

    def test_W27(self):
        """MUST | a restart keeps ice-options, ice-pacing and ice-lite, and all else"""
        peer = Peer()
        url, _, answer = self.session(peer=peer)
        fragment = self.patch(url, peer.restart(), "*").body
        for name in ["ice-lite", "ice-options", "ice-pacing", "group"]:
            self.assertEqual(attribute(fragment, name), attribute(answer, name), name)
        self.assertEqual(re.findall("^a=candidate:.*$", fragment, re.M), re.findall("^a=candidate:.*$", answer, re.M))
        self.assertNotIn("fingerprint", fragment)

    def test_W28(self):
        """MUST | a restart that fails leaves the session as it was"""
        peer = Peer()
        url, tag, answer = self.session(peer=peer)
        for body, statuses in [(peer.fragment(ufrag="abcdefgh"), [400]), (peer.fragment(pwd="a" * 22), [400]),
                               (peer.fragment(ufrag="a!", pwd="a" * 22), [400]), (Peer().fragment(mid="9"), [422])]:
            self.assert_error(self.patch(url, body, "*"), *statuses)
        self.assertEqual(self.patch(url, peer.fragment(), tag).status, 204)
        self.assertTrue(stun_check(answer, peer))

    def test_W29(self):
        """MUST | BUNDLE, rtcp-mux, and `rtcp-mux-only` in each bundled section"""
        for sdp in [self.session()[2], self.session("full")[2], self.counter_offer().body,
                    self.counter_offer(ident="full").body]:
            self.assertEqual(attribute(sdp, "group"), "BUNDLE 0 1")
            for section in sections(sdp):
                self.assertRegex(section, r"(?m)^a=rtcp-mux\r$")
                self.assertRegex(section, r"(?m)^a=rtcp-mux-only\r$")

    def test_W30(self):
        """MUST | one MediaStream: the same `msid` stream in each section; at most one track of a kind"""
        for sdp in [self.session()[2], self.session("full")[2], self.counter_offer().body,
                    self.counter_offer(ident="full").body]:
            ids = [attribute(section, "msid").split()[0] for section in sections(sdp)]
            self.assertEqual(len(set(ids)), 1)
            kinds = [section.split()[0] for section in sections(sdp)]
            self.assertEqual(len(set(kinds)), len(kinds))

    def test_W31(self):
        """SHOULD | full ICE, unless viewers reach the server's address (`webrtcbin`; `native` is ICE-lite, and takes `webrtc.announced_addresses`)"""
        self.assertIsNone(attribute(self.session("full")[2], "ice-lite"))
        self.assertIsNotNone(attribute(self.session("cam")[2], "ice-lite"))

    def test_W32(self):
        """MUST NOT | 301 and 302; 307 if need be (there is none: each spelling of a path is answered)"""
        for path in ["/whep/cam/", "/whep//cam", "/whep", "/whep/", "/whep/cam?a=b", "/api/v3/whep/cam/", "/whep/c%61m"]:
            response = self.call("POST", path, Peer().sdp(), {"Content-Type": SDP})
            self.assertNotIn(response.status, range(300, 400))
            if response.status == 201:
                self.call("DELETE", response.headers["Location"])
        self.assertFalse(self.statuses & {301, 302})

    def test_W33(self):
        """MAY | overload: 503 with `Retry-After`"""
        urls = []
        while (response := self.post("events")).status == 201:
            urls.append(response.headers["Location"])
            self.assertLessEqual(len(urls), 16)
        self.assert_error(response, 503)
        self.assertGreater(int(response.headers["Retry-After"]), 0)
        for url in urls:
            self.assertEqual(self.call("DELETE", url).status, 200)

    def test_W34(self):
        """MAY | `Link` rel=\"ice-server\" in the 201, with TURN credentials that run out"""
        response = self.post()
        self.call("DELETE", response.headers["Location"])
        links = [link for link in response.headers.get_all("Link") if "ice-server" in link]
        self.assertEqual(links[0], '<stun:stun.example.org:3478>; rel="ice-server"')
        found = re.fullmatch(r'<turn:turn\.example\.org:3478\?transport=udp>; rel="ice-server"; username="((\d+):\w+)"; '
                             r'credential="([^"]+)"; credential-type="password"', links[1])
        self.assertGreater(int(found[2]), time.time())
        mac = hmac.new(TURN_SECRET.encode(), found[1].encode(), hashlib.sha1).digest()
        self.assertEqual(found[3], base64.b64encode(mac).decode())

    def test_W35(self):
        """MUST | Bearer tokens (RFC 6750, section 2.1); OPTIONS needs none"""
        self.wait_with_token()
        response = self.post("secret")
        self.assert_error(response, 401)
        self.assertEqual(response.headers["WWW-Authenticate"], 'Bearer realm="WHEP"')
        response = self.post("secret", Authorization="Bearer wrong")
        self.assert_error(response, 401)
        self.assertIn('error="invalid_token"', response.headers["WWW-Authenticate"])
        self.assert_error(self.post("secret", Authorization="Bearer a b"), 400)
        self.assertEqual(self.call("OPTIONS", "/whep/secret").status, 200)
        right = {"Authorization": "Bearer " + TOKEN}
        response = self.post("secret", **right)
        self.assertEqual(response.status, 201, response.body)
        url = response.headers["Location"]
        self.assertEqual(self.call("OPTIONS", url).status, 200)
        for method in ["GET", "HEAD", "PATCH", "DELETE"]:
            self.assertEqual(self.call(method, url).status, 401)
        self.assertEqual(self.call("DELETE", url, None, right).status, 200)
        self.assertFalse([line for line in self.d.log if TOKEN in line or TURN_SECRET in line])
        self.assertNotIn(TOKEN, self.d.request("GET", "/api/v3/process").body)

    def wait_with_token(self):
        offer = lambda: self.post("secret", Authorization="Bearer " + TOKEN)
        wait_until(lambda: (r := offer()).status == 201 and self.call(
            "DELETE", r.headers["Location"], None, {"Authorization": "Bearer " + TOKEN}), "media of secret")

    def test_W36(self):
        """MUST | each extension is a `Link` with its URN in the 201; none is required"""
        response = self.post()
        url = response.headers["Location"]
        self.addCleanup(self.call, "DELETE", url)
        links = [link for link in response.headers.get_all("Link") if "urn:ietf:params:whep:ext" in link]
        self.assertEqual(len(links), 1)
        self.assertIn('rel="%s"' % EVENTS_URN, links[0])

    def test_W37(self):
        """SHALL | HTTPS"""
        self.skipTest("by a reverse proxy in front")

    def test_W38(self):
        """SHOULD | POST, PATCH and DELETE are limited for each client"""
        url, _, _ = self.session()
        for number, (method, path) in enumerate([("POST", "/whep/cam"), ("PATCH", url), ("DELETE", url + "0")]):
            client = {"X-Forwarded-For": "192.0.2.%d" % (number + 1)}
            seen = []
            while 429 not in seen:
                response = self.call(method, path, "x", client)
                seen.append(response.status)
                self.assertLess(len(seen), 200)
            self.assert_error(response, 429)
            self.assertGreaterEqual(len(seen), 20)
            self.assertGreater(int(response.headers["Retry-After"]), 0)
        self.assertEqual(self.call("GET", url).status, 204)  # of another client

    def test_W39(self):
        """SHOULD | session URLs that nobody guesses"""
        urls = [self.session()[0] for _ in range(4)]
        for url in urls:
            self.assertRegex(url, r"^/whep/cam/[0-9a-f]{32}$")
        self.assertEqual(len(set(urls)), 4)
        self.assertFalse([line for line in self.d.log for url in urls if url.rsplit("/", 1)[1] in line])

    def test_W40(self):
        """could | problem details (RFC 9457)"""
        for method, path, status in [("POST", "/whep/nobody", 404), ("DELETE", "/whep/cam/unknown", 404),
                                     ("PUT", "/whep/cam", 405), ("POST", "/whep/later", 409)]:
            response = self.call(method, path, Peer().sdp(), {"Content-Type": SDP})
            self.assert_error(response, status)
            self.assertEqual(sorted(response.json), ["detail", "status", "title", "type"])

    def subscribe(self, url, types=None):
        headers = {"Content-Type": JSON} if types is not None else {}
        return self.call("POST", url + "/events", types and json.dumps(types), headers)

    def listen(self, path):
        reader = EventReader(self.d, path)
        self.addCleanup(reader.close)
        self.assertEqual(reader.response.status, 200)
        return reader

    def test_E01(self):
        """MUST | server-sent events: `Link` with URN and `events`; POST of a JSON array: 201 with `Location`"""
        response = self.post("events")
        url = response.headers["Location"]
        self.addCleanup(self.call, "DELETE", url)
        link = [link for link in response.headers.get_all("Link") if EVENTS_URN in link][0]
        target = re.match("<([^>]+)>", link)[1]
        self.assertEqual(re.search('events="([^"]+)"', link)[1], "active,inactive,reconnect,viewercount")
        created = self.call("POST", target, '["active", "viewercount"]', {"Content-Type": JSON})
        self.assertEqual(created.status, 201)
        reader = self.listen(created.headers["Location"])
        self.assertEqual(reader.response.headers["Content-Type"], "text/event-stream")
        self.assertEqual(reader.wait("active"), [{}])
        self.assertEqual(list(reader.wait("viewercount")[0]), ["viewercount"])

    def test_E02(self):
        """MUST | an event type that is not announced: 400, and no stream is made"""
        url, _, _ = self.session("events")
        for types in [["layers"], ["active", "scte35"], ["Active"], [1], {"active": 1}]:
            response = self.subscribe(url, types)
            self.assert_error(response, 400)
            self.assertIsNone(response.headers["Location"])

    def test_E03(self):
        """MUST | one data line; a filter for each stream; DELETE drops the queue, then 404; streams end with their session"""
        url, _, _ = self.session("events")
        counts = self.listen(self.subscribe(url, ["viewercount"]).headers["Location"])
        counts.wait("viewercount")
        more = [self.session("events")[0] for _ in range(2)]
        wait_until(lambda: counts.events()[-1][1]["viewercount"] >= 3, "three viewers")
        self.assertEqual({kind for kind, _ in counts.events()}, {"viewercount"})
        deleted = self.subscribe(url).headers["Location"]
        self.assertEqual(self.call("DELETE", deleted).status, 200)
        self.assertEqual(self.call("GET", deleted).status, 404)
        kept = self.subscribe(url).headers["Location"]
        reader = self.listen(kept)
        self.call("DELETE", url)
        wait_until(lambda: reader.ended and counts.ended, "the end of the streams")
        self.assertEqual(self.call("GET", kept).status, 404)
        self.assertEqual(len(more), 2)

    def test_E04(self):
        """MUST NOT | `inactive` at first; `active`, `inactive`, `viewercount` and `reconnect` when it is so"""
        self.add("moving")
        self.wait_media("moving")
        url, _, _ = self.session("moving")
        reader = self.listen(self.subscribe(url).headers["Location"])
        reader.wait("active")
        self.assertNotIn("inactive", [kind for kind, _ in reader.events()])
        command = self.d.state("moving")["command"]
        port = re.search(r"udp://127\.0\.0\.1:(\d+)", " ".join(command))[1]
        pid = [int(p) for p in os.listdir("/proc") if p.isdigit() and self.is_ffmpeg(p, port)][0]
        os.kill(pid, 19)  # FFmpeg stops sending, and goes on
        try:
            reader.wait("inactive")
        finally:
            os.kill(pid, 18)
        wait_until(lambda: [k for k, _ in reader.events()].count("active") == 2, "active again")
        self.assertEqual(self.d.command("moving", "stop").status, 200)
        reader.wait("reconnect")
        wait_until(lambda: reader.ended, "the end of the stream")

    @staticmethod
    def is_ffmpeg(pid, port):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                return (":" + port + "?").encode() in f.read()
        except OSError:
            return False

    def test_E05(self):
        """MUST | layer selection needs server-sent events with `layers`: neither is offered, since a stream has one layer"""
        response = self.post()
        self.addCleanup(self.call, "DELETE", response.headers["Location"])
        self.assertNotIn("layer", " ".join(response.headers.get_all("Link")))
        self.assert_error(self.call("POST", response.headers["Location"] + "/layer", "{}", {"Content-Type": JSON}), 404)


class Outcomes(unittest.TextTestResult):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.rows = {}

    def note(self, test, text):
        ident = test.id().rsplit("test_", 1)[-1]
        level, requirement = (part.strip() for part in test._testMethodDoc.split("|", 1))
        self.rows[ident] = (level, requirement, text)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.note(test, "holds")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, reason)

    def table(self):
        order = sorted(self.rows, key=lambda ident: (ident[0] == "E", ident))
        return "| id | level | requirement | result |\n|---|---|---|---|\n" + "".join(
            "| %s | %s | %s | %s |\n" % (ident, *self.rows[ident]) for ident in order)


def main():
    update = sys.argv[-1] == "--update"
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Conformance)
    result = unittest.TextTestRunner(resultclass=Outcomes, verbosity=2).run(suite)
    if not result.wasSuccessful():
        return 1
    with open(DOCS, encoding="utf-8") as f:
        text = f.read()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    made = before + BEGIN + result.table() + END + after
    if made == text:
        return 0
    if not update:
        print("the table in docs/whep.md is not that of this run: run this again with --update", file=sys.stderr)
        return 1
    with open(DOCS, "w", encoding="utf-8") as f:
        f.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
