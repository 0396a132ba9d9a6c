// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/sink/sender.h"

#include "plugin/codec/payload-format.h"
#include "tests/codec/recorded.h"

#include <optional>

// Last, because it makes macros of words such as fail.
#include <gst/check/gstcheck.h>

namespace restream::sinktest {

namespace {

constexpr unsigned kKeyframeInterval = 10;
constexpr unsigned kFps = 30;

} // namespace

using packets::Bytes;

Sender::Sender (Media media, const std::string &encoding_name)
    : media_ (media),
      clock_rate_ (codec::find_codec (encoding_name)->clock_rate)
{
  if (media == Media::video && encoding_name != "H264")
    load (encoding_name);
  restart (0);
}

void
Sender::restart (unsigned count)
{
  run_ = count;
  rtp_.ssrc = 0x5a000000u + 0x00010001u * count
      + static_cast<unsigned> (index_of (media_));
  // Near the wrap, so that every run crosses it.
  rtp_.sequence = static_cast<std::uint16_t> (65500 - 1000 * count);
  rtp_.timestamp = 0xfffff000u - 0x10000000u * count;
  rtp_.payload_type = (media_ == Media::video ? 102 : 111) + count % 2;
  picture_ = 0;
}

std::vector<Bytes>
Sender::next ()
{
  if (media_ == Media::audio)
    return next_sound ();
  std::vector<Bytes> picture =
      recorded_.empty () ? next_h264 () : next_recorded ();
  rtp_.timestamp += 90000 / kFps;
  return picture;
}

std::vector<Bytes>
Sender::next_sound ()
{
  std::vector<Bytes> out;
  rtp_.payload = Bytes (40, 0x78);
  add (out, false);
  rtp_.timestamp += clock_rate_ / 50;
  return out;
}

std::vector<Bytes>
Sender::next_recorded ()
{
  std::vector<Bytes> out;
  const std::vector<Bytes> &payloads =
      recorded_[picture_++ % recorded_.size ()];
  for (std::size_t i = 0; i < payloads.size (); i++) {
    rtp_.payload = payloads[i];
    add (out, i + 1 == payloads.size ());
  }
  return out;
}

std::vector<Bytes>
Sender::next_h264 ()
{
  std::vector<Bytes> out;
  if (picture_++ % kKeyframeInterval == 0) {
    rtp_.payload = packets::kSps;
    add (out, false);
    rtp_.payload = packets::kPps;
    add (out, false);
    rtp_.payload = Bytes (1000, 0x11); // FU-A of an IDR slice: start, end
    rtp_.payload[0] = 0x7c;
    rtp_.payload[1] = 0x85;
    add (out, false);
    rtp_.payload[1] = 0x45;
    add (out, true);
  } else {
    rtp_.payload = Bytes (300, 0x22);
    rtp_.payload[0] = 0x41;
    add (out, true);
  }
  return out;
}

void
Sender::load (const std::string &encoding_name)
{
  const std::pair<const char *, const char *> files[] = {
      {"H265", "h265-ffmpeg"}, {"VP8", "vp8-ffmpeg"}, {"VP9", "vp9-ffmpeg"},
      {"AV1", "av1-libaom"}};
  for (const auto &[known, file] : files) {
    if (encoding_name != known)
      continue;
    std::optional<std::uint32_t> timestamp;
    for (const Bytes &bytes : recorded::load (file).packets) {
      const auto packet = parse_rtp (bytes);
      if (timestamp != packet->timestamp)
        recorded_.emplace_back ();
      timestamp = packet->timestamp;
      recorded_.back ().emplace_back (packet->payload.begin (),
          packet->payload.end ());
    }
  }
  fail_if (recorded_.empty (), "no recording of %s", encoding_name.c_str ());
}

void
Sender::add (std::vector<Bytes> &out, bool marker)
{
  rtp_.marker = marker;
  out.push_back (packets::rtp (rtp_));
  rtp_.sequence++;
}

} // namespace restream::sinktest
