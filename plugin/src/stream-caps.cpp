// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/stream-caps.h"

#include <cstring>

namespace restream::src {

namespace {

Error
unfit (Media media, const GstCaps *caps, const char *why)
{
  const Owned<char> text (caps ? gst_caps_to_string (caps) : nullptr);
  return {Code::bad_request,
      std::string (name_of (media)) + "-caps: " + why + ": "
          + (text ? text.get () : "none")};
}

// A codec's own numbers, where nothing else is configured.
void
complete (GstStructure *s, const codec::CodecInfo &codec)
{
  if (!gst_structure_has_field (s, "clock-rate"))
    gst_structure_set (s, "clock-rate", G_TYPE_INT,
        static_cast<int> (codec.clock_rate), nullptr);
  if (codec.encoding_params && !gst_structure_has_field (s, "encoding-params"))
    gst_structure_set (s, "encoding-params", G_TYPE_STRING,
        codec.encoding_params, nullptr);
}

} // namespace

const char *
StreamCaps::default_caps (Media media)
{
  return media == Media::video
      ? "application/x-rtp, media=(string)video, encoding-name=(string)H264, "
        "clock-rate=(int)90000"
      : "application/x-rtp, media=(string)audio, encoding-name=(string)OPUS, "
        "clock-rate=(int)48000, encoding-params=(string)2";
}

Result<StreamCaps>
StreamCaps::from (Media media, const GstCaps *configured)
{
  if (!configured || gst_caps_is_any (configured)
      || gst_caps_get_size (configured) != 1)
    return unfit (media, configured, "exactly one structure is needed");
  StreamCaps result;
  result.caps_ = Ref<GstCaps>::adopt (gst_caps_copy (configured));
  GstStructure *s = gst_caps_get_structure (result.caps_.get (), 0);

  if (!gst_structure_has_name (s, "application/x-rtp"))
    return unfit (media, configured, "not application/x-rtp");
  if (!gst_structure_has_field (s, "media"))
    gst_structure_set (s, "media", G_TYPE_STRING, name_of (media), nullptr);
  if (g_strcmp0 (gst_structure_get_string (s, "media"), name_of (media)) != 0)
    return unfit (media, configured, "another medium");
  const char *encoding = gst_structure_get_string (s, "encoding-name");
  if (!encoding || !*encoding)
    return unfit (media, configured, "no encoding-name");
  const Owned<char> upper (g_ascii_strup (encoding, -1));
  result.encoding_name_ = upper.get ();
  const codec::CodecInfo *codec = codec::find_codec (encoding);
  if (codec && codec->media != media)
    return unfit (media, configured, "a codec of another medium");
  if (codec)
    complete (s, *codec);
  int clock_rate = 0;
  if (!gst_structure_get_int (s, "clock-rate", &clock_rate) || clock_rate <= 0)
    return unfit (media, configured, "no clock-rate");
  if (gst_structure_has_field (s, "ssrc"))
    return unfit (media, configured, "the ssrc is the sender's choice");
  if (gst_structure_has_field (s, "payload")) {
    int payload = -1;
    if (!gst_structure_get_int (s, "payload", &payload) || payload < 0
        || payload > 127)
      return unfit (media, configured,
          "the payload must be one number or left out");
    if (payload >= 64 && payload <= 95)
      return unfit (media, configured,
          "payload types 64 to 95 cannot be told from RTCP (RFC 5761)");
    result.payload_type_ = static_cast<std::uint8_t> (payload);
  }
  if (!gst_caps_is_fixed (result.caps_.get ()))
    return unfit (media, configured, "not fixed");

  if (result.encoding_name_ == "H264"
      && !gst_structure_has_field (s, "packetization-mode"))
    gst_structure_set (s, "packetization-mode", G_TYPE_STRING, "1", nullptr);
  const auto usual =
      Ref<GstCaps>::adopt (gst_caps_from_string (default_caps (media)));
  result.media_ = media;
  result.is_default_ = gst_caps_is_strictly_equal (configured, usual.get ());
  return result;
}

Ref<GstCaps>
StreamCaps::build (std::optional<std::uint8_t> payload_type,
    std::optional<std::uint32_t> ssrc, const codec::Parameters &learnt) const
{
  auto caps = Ref<GstCaps>::adopt (gst_caps_copy (caps_.get ()));
  GstStructure *s = gst_caps_get_structure (caps.get (), 0);
  const codec::CodecInfo *other = is_default_ && payload_type
      ? codec::find_codec (media_, *payload_type)
      : nullptr;
  if (other) {
    gst_structure_remove_fields (s, "clock-rate", "encoding-params", nullptr);
    gst_structure_set (s, "encoding-name", G_TYPE_STRING, other->encoding_name,
        nullptr);
    complete (s, *other);
  }
  if (payload_type && !payload_type_)
    gst_structure_set (s, "payload", G_TYPE_INT,
        static_cast<int> (*payload_type), nullptr);
  if (ssrc)
    gst_structure_set (s, "ssrc", G_TYPE_UINT, static_cast<guint> (*ssrc),
        nullptr);
  for (const auto &[name, value] : learnt) {
    if (!gst_structure_has_field (s, name.c_str ()))
      gst_structure_set (s, name.c_str (), G_TYPE_STRING, value.c_str (),
          nullptr);
  }
  return caps;
}

} // namespace restream::src
