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

  result.is_h264_ =
      media == Media::video && g_ascii_strcasecmp (encoding, "H264") == 0;
  if (result.is_h264_ && !gst_structure_has_field (s, "packetization-mode"))
    gst_structure_set (s, "packetization-mode", G_TYPE_STRING, "1", nullptr);
  return result;
}

Ref<GstCaps>
StreamCaps::build (std::optional<std::uint8_t> payload_type,
    std::optional<std::uint32_t> ssrc, const ParameterSets *sets) const
{
  auto caps = Ref<GstCaps>::adopt (gst_caps_copy (caps_.get ()));
  GstStructure *s = gst_caps_get_structure (caps.get (), 0);
  if (payload_type && !payload_type_)
    gst_structure_set (s, "payload", G_TYPE_INT,
        static_cast<int> (*payload_type), nullptr);
  if (ssrc)
    gst_structure_set (s, "ssrc", G_TYPE_UINT, static_cast<guint> (*ssrc),
        nullptr);
  if (sets) {
    if (!gst_structure_has_field (s, "profile-level-id"))
      gst_structure_set (s, "profile-level-id", G_TYPE_STRING,
          sets->profile_level_id ().c_str (), nullptr);
    if (!gst_structure_has_field (s, "sprop-parameter-sets"))
      gst_structure_set (s, "sprop-parameter-sets", G_TYPE_STRING,
          sets->sprop ().c_str (), nullptr);
  }
  return caps;
}

} // namespace restream::src
