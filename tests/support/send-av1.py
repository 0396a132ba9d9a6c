# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sends AV1 by RTP to a port of this host, in real time: FFmpeg encodes, and what its
RTP muxer cannot do before version 8 is done here ("RTP Payload Format For AV1").

    send-av1.py PORT
"""

import os
import random
import signal
import socket
import struct
import subprocess
import sys

MTU = 1200
FPS = 20
FFMPEG = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi",
          "-i", "testsrc2=size=320x180:rate=%d" % FPS, "-pix_fmt", "yuv420p",
          "-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0",
          "-g", "40", "-b:v", "500k", "-flush_packets", "1", "-f", "ivf", "-"]
SEQUENCE_HEADER, TEMPORAL_DELIMITER = 1, 2


def leb128(number):
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7f
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)


def obus(unit):
    """Those of a temporal unit, without their sizes and without the delimiter."""
    at = 0
    while at < len(unit):
        header = unit[at]
        begin = at + (2 if header & 4 else 1)
        size = shift = 0
        end = begin
        while True:
            byte = unit[end]
            end += 1
            size |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                break
        if header >> 3 & 15 != TEMPORAL_DELIMITER:
            yield header >> 3 & 15, bytes([header & ~2]) + unit[at + 1:begin] + unit[end:end + size]
        at = end + size


def payloads(unit):
    """The RTP payloads of a temporal unit."""
    elements = list(obus(unit))
    first = 0x08 if elements and elements[0][0] == SEQUENCE_HEADER else 0
    body, continues = b"", 0
    for _, element in elements:
        while element:
            room = MTU - len(body) - 3
            if room <= 0:
                yield bytes([continues | first]) + body
                body, continues, first = b"", 0, 0
                continue
            part, element = element[:room], element[room:]
            body += leb128(len(part)) + part
            if element:
                yield bytes([continues | 0x40 | first]) + body
                body, continues, first = b"", 0x80, 0
    if body:
        yield bytes([continues | first]) + body


def main():
    port = int(sys.argv[1])
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ssrc, sequence, base = random.getrandbits(32), random.getrandbits(16), random.getrandbits(32)
    encoder = subprocess.Popen(FFMPEG, stdout=subprocess.PIPE)
    signal.signal(signal.SIGINT, lambda *_: encoder.terminate())
    signal.signal(signal.SIGTERM, lambda *_: encoder.terminate())
    stream = encoder.stdout
    stream.read(32)  # the file's header
    while True:
        header = stream.read(12)
        if len(header) < 12:
            break
        size, picture = struct.unpack("<IQ", header)
        unit = stream.read(size)
        if len(unit) < size:
            break
        packets = list(payloads(unit))
        for index, payload in enumerate(packets):
            marker = 0x80 if index == len(packets) - 1 else 0
            timestamp = (base + picture * (90000 // FPS)) & 0xffffffff
            sender.sendto(struct.pack(">BBHII", 0x80, marker | 96, sequence & 0xffff, timestamp, ssrc) + payload,
                          ("127.0.0.1", port))
            sequence += 1
    encoder.wait()
    return 0 if encoder.returncode in (0, 255, -signal.SIGTERM) else 1


if __name__ == "__main__":
    os._exit(main())
