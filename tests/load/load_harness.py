# SPDX-License-Identifier: LGPL-2.1-or-later
"""rtprestream-load as a process, and a feed that costs no encoder."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["RTPRESTREAM_SOURCE_ROOT"], "tests/integration"))

from harness import BUILD, DEADLINE, Process, check, need  # noqa: E402

LOAD = os.path.join(BUILD, "tools/load/rtprestream-load")


class Load:
    """One run of rtprestream-load to its end."""

    def __init__(self, *arguments, timeout=DEADLINE, env=None):
        try:
            done = subprocess.run([LOAD, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=timeout, env={**os.environ, **(env or {})})
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"rtprestream-load does not end: {late}") from None
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    def says(self):
        return f"status {self.status}\n{self.out}{self.err}"

    def json(self):
        lines = [line for line in self.out.splitlines() if line.startswith("{")]
        check(len(lines) == 1, "not one JSON object\n" + self.says())
        return json.loads(lines[0])


class EncodedFeed(Process):
    """FFmpeg sends what was encoded once: H.264 of so many kbit/s with a keyframe every two seconds, and Opus."""

    def __init__(self, port, folder, kbps=2000, seconds=90):
        path = os.path.join(folder, f"feed-{kbps}-{seconds}.mkv")
        ffmpeg = need("ffmpeg")
        if not os.path.exists(path):
            part = path + f".{os.getpid()}.mkv"
            rate = f"{kbps}k"
            subprocess.run([
                ffmpeg, "-nostdin", "-v", "error", "-y",
                "-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30",
                "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", str(seconds),
                "-map", "0:v", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
                "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0",
                "-bf", "0", "-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate,
                "-x264-params", "nal-hrd=cbr:force-cfr=1",
                "-map", "1:a", "-c:a", "libopus", "-b:a", "64k", part],
                check=True, timeout=600, stdin=subprocess.DEVNULL)
            os.rename(part, path)
        # No -stream_loop: FFmpeg 5.1 loses the video behind a bitstream filter in the second round.
        super().__init__("ffmpeg", [
            ffmpeg, "-nostdin", "-v", "error", "-re", "-i", path,
            "-map", "0:v", "-c", "copy", "-bsf:v", "h264_mp4toannexb",
            "-payload_type", "102", "-f", "rtp", f"udp://127.0.0.1:{port}?pkt_size=1200",
            "-map", "0:a", "-c", "copy",
            "-payload_type", "111", "-f", "rtp", f"udp://127.0.0.1:{port + 1}?pkt_size=1200"])
