// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/rtp-legs.h"

namespace restream {

namespace {

using Arguments = std::vector<std::string>;

void
append (Arguments &argv, std::initializer_list<const char *> words)
{
  argv.insert (argv.end (), words.begin (), words.end ());
}

void
append_destination (Arguments &argv, unsigned payload_type, unsigned port)
{
  append (argv, {"-payload_type"});
  argv.push_back (std::to_string (payload_type));
  // With a goodbye, so that the next FFmpeg is let in at once.
  append (argv, {"-rtpflags", "send_bye", "-f", "rtp"});
  // udp:// keeps each leg's sender reports on its own port; rtp:// would send
  // video's to the audio port. 1200 bytes pass every tunnel on the way to a viewer.
  argv.push_back (
      "udp://127.0.0.1:" + std::to_string (port) + "?pkt_size=1200");
}

} // namespace

std::vector<std::string>
rtp_leg_arguments (const WebrtcOptions &options, std::uint16_t port)
{
  Arguments argv;
  if (options.has_video ()) {
    argv.push_back ("-map");
    argv.push_back (options.video_map.empty () ? "0:v:0" : options.video_map);
    if (options.force_transcode)
      // zerolatency keeps its sliced threads: frame threads would add a frame of
      // delay each. Keyframes come by time, so that a viewer waits as long at 5 as at 60 fps.
      append (argv,
          {"-c:v", "libx264", "-preset", "veryfast", "-profile:v", "baseline",
              "-pix_fmt", "yuv420p", "-tune", "zerolatency", "-bf", "0", "-g",
              "120", "-force_key_frames", "expr:gte(t,n_forced*2)"});
    else
      // Every keyframe with its parameter sets, whatever the container kept them in.
      // The order matters: dump_extra on avcC would spoil the keyframe.
      append (argv,
          {"-c:v", "copy", "-bsf:v",
              "h264_mp4toannexb,dump_extra=freq=keyframe"});
    append_destination (argv,
        options.video_pt ? options.video_pt : kDefaultVideoPt, port);
  }
  if (options.has_audio ()) {
    argv.push_back ("-map");
    argv.push_back (options.audio_map.empty () ? "0:a:0" : options.audio_map);
    if (options.force_transcode)
      append (argv,
          {"-c:a", "libopus", "-b:a", "96k", "-ar", "48000", "-ac", "2"});
    else
      append (argv, {"-c:a", "copy"});
    append_destination (argv,
        options.audio_pt ? options.audio_pt : kDefaultAudioPt, port + 1u);
  }
  return argv;
}

} // namespace restream
