// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/rtp-legs.h"

namespace restream {

namespace {

using Arguments = std::vector<std::string>;

// Keyframes come by time, so that a viewer waits as long at 5 as at 60 fps.
#define KEYFRAMES "-g", "120", "-force_key_frames", "expr:gte(t,n_forced*2)"
// libvpx has no useful bitrate of its own: constant quality, within a bound.
#define VPX_REALTIME                                                \
  "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", \
      "-auto-alt-ref", "0", "-pix_fmt", "yuv420p", "-crf", "30", "-b:v", "4M"

// The first one of a medium is the usual one. A copy goes through a bitstream filter
// that refuses every other codec, where FFmpeg has one: viewers could not tell what came.
const std::vector<LegCodec> &
leg_codecs ()
{
  static const std::vector<LegCodec> codecs = {
      // zerolatency keeps its sliced threads: frame threads would add a frame of
      // delay each. Copied, every keyframe has its parameter sets, whatever the container
      // kept them in. The order matters: dump_extra on avcC would spoil the keyframe.
      {Media::video, "h264", "H264",
          {"-c:v", "libx264", "-preset", "veryfast", "-profile:v", "baseline",
              "-pix_fmt", "yuv420p", "-tune", "zerolatency", "-bf", "0",
              KEYFRAMES},
          {"-c:v", "copy", "-bsf:v",
              "h264_mp4toannexb,dump_extra=freq=keyframe"}},
      {Media::video, "h265", "H265",
          {"-c:v", "libx265", "-preset", "superfast", "-pix_fmt", "yuv420p",
              "-tune", "zerolatency", "-x265-params",
              "bframes=0:repeat-headers=1:log-level=warning", "-forced-idr",
              "1", KEYFRAMES},
          {"-c:v", "copy", "-bsf:v",
              "hevc_mp4toannexb,dump_extra=freq=keyframe"}},
      {Media::video, "vp8", "VP8", {"-c:v", "libvpx", VPX_REALTIME, KEYFRAMES},
          {"-c:v", "copy"}},
      // Its RTP payload format was a draft when FFmpeg learnt it.
      {Media::video, "vp9", "VP9",
          {"-c:v", "libvpx-vp9", VPX_REALTIME, "-row-mt", "1", KEYFRAMES,
              "-strict", "experimental"},
          {"-c:v", "copy", "-bsf:v", "vp9_metadata", "-strict",
              "experimental"}},
      // FFmpeg's RTP muxer has it from version 8 on. libsvtav1 would leave a process
      // of an older one hanging.
      {Media::video, "av1", "AV1",
          {"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8",
              "-row-mt", "1", "-lag-in-frames", "0", "-pix_fmt", "yuv420p",
              "-crf", "30", KEYFRAMES, "-strict", "experimental"},
          {"-c:v", "copy", "-bsf:v", "av1_metadata", "-strict",
              "experimental"}},
      {Media::audio, "opus", "OPUS",
          {"-c:a", "libopus", "-b:a", "96k", "-ar", "48000", "-ac", "2"},
          {"-c:a", "copy", "-bsf:a", "opus_metadata"}},
      {Media::audio, "pcmu", "PCMU",
          {"-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"}, {"-c:a", "copy"}},
      {Media::audio, "pcma", "PCMA",
          {"-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"}, {"-c:a", "copy"}},
      {Media::audio, "g722", "G722",
          {"-c:a", "g722", "-ar", "16000", "-ac", "1"}, {"-c:a", "copy"}},
  };
  return codecs;
}

void
append (Arguments &argv, const std::vector<const char *> &words)
{
  argv.insert (argv.end (), words.begin (), words.end ());
}

void
append_leg (Arguments &argv, const WebrtcOptions &options, Media media,
    unsigned port, std::int64_t start_us)
{
  const bool video = media == Media::video;
  const std::string &map = video ? options.video_map : options.audio_map;
  append (argv, {"-map"});
  argv.push_back (!map.empty () ? map : video ? "0:v:0" : "0:a:0");
  const LegCodec *codec =
      find_leg_codec (media, video ? options.video_codec : options.audio_codec);
  if (codec) // always: the configuration was checked
    append (argv, options.force_transcode ? codec->encode : codec->copy);
  const unsigned payload_type = video ? options.video_pt : options.audio_pt;
  append (argv, {"-payload_type"});
  argv.push_back (std::to_string (payload_type ? payload_type
          : video                              ? kDefaultVideoPt
                                               : kDefaultAudioPt));
  // One origin for the sender reports of both legs. Otherwise each leg's is the time when its encoder was ready, and the
  // difference parts sound from picture.
  append (argv, {"-start_time_realtime"});
  argv.push_back (std::to_string (start_us));
  // With a goodbye, so that the next FFmpeg is let in at once.
  append (argv, {"-rtpflags", "send_bye", "-f", "rtp"});
  // udp:// keeps each leg's sender reports on its own port; rtp:// would send
  // video's to the audio port. 1200 bytes pass every tunnel on the way to a viewer.
  argv.push_back (
      "udp://127.0.0.1:" + std::to_string (port) + "?pkt_size=1200");
}

} // namespace

const LegCodec *
find_leg_codec (Media media, std::string_view name)
{
  for (const LegCodec &codec : leg_codecs ()) {
    if (codec.media == media && (name.empty () || name == codec.name))
      return &codec;
  }
  return nullptr;
}

std::string
leg_codec_names (Media media)
{
  std::vector<std::string> names;
  for (const LegCodec &codec : leg_codecs ()) {
    if (codec.media == media)
      names.push_back (codec.name);
  }
  std::string text;
  for (std::size_t i = 0; i < names.size (); i++)
    text += (i == 0 ? "" : i + 1 == names.size () ? " or " : ", ") + names[i];
  return text;
}

std::vector<std::string>
rtp_leg_arguments (const WebrtcOptions &options, std::uint16_t port,
    std::int64_t start_us)
{
  Arguments argv;
  if (options.has_video ())
    append_leg (argv, options, Media::video, port, start_us);
  if (options.has_audio ())
    append_leg (argv, options, Media::audio, port + 1u, start_us);
  return argv;
}

} // namespace restream
