// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/offer.h"

#include "plugin/transport/native/ice-candidates.h"

namespace restream::load {

namespace {

constexpr char kFormatParameters[] =
    "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=";

class Text
{
public:
  template <typename... Parts> void line (const Parts &...parts)
  {
    (text_.append (parts), ...);
    text_ += "\r\n";
  }
  std::string take () { return std::move (text_); }

private:
  std::string text_;
};

std::string
fingerprint_text (const negotiation::Fingerprint &fingerprint)
{
  std::string text = fingerprint.algorithm;
  char separator = ' ';
  for (std::uint8_t octet : fingerprint.digest) {
    text += separator;
    text += "0123456789ABCDEF"[octet >> 4];
    text += "0123456789ABCDEF"[octet & 15];
    separator = ':';
  }
  return text;
}

void
write_transport (Text &sdp, const OfferSettings &settings, const char *mid)
{
  sdp.line ("c=IN IP4 0.0.0.0");
  sdp.line ("a=mid:", mid);
  sdp.line ("a=recvonly");
  sdp.line ("a=ice-ufrag:", settings.ufrag);
  sdp.line ("a=ice-pwd:", settings.pwd);
  sdp.line ("a=fingerprint:", fingerprint_text (settings.fingerprint));
  sdp.line ("a=setup:actpass");
  sdp.line ("a=rtcp-mux");
  sdp.line ("a=rtcp-rsize");
  for (const std::string &candidate : transport::native::host_candidates (
           settings.addresses, {}, settings.port, false))
    sdp.line ("a=candidate:", candidate);
  sdp.line ("a=end-of-candidates");
}

void
write_video (Text &sdp, const OfferSettings &settings)
{
  std::string formats;
  for (const VideoFormat &format : kVideoFormats)
    formats += " " + std::to_string (format.payload_type) + " "
        + std::to_string (format.rtx_payload_type);
  sdp.line ("m=video 9 UDP/TLS/RTP/SAVPF", formats);
  write_transport (sdp, settings, name_of (Media::video));
  for (const VideoFormat &format : kVideoFormats) {
    const std::string type = std::to_string (format.payload_type);
    const std::string rtx = std::to_string (format.rtx_payload_type);
    sdp.line ("a=rtpmap:", type, " H264/90000");
    for (const char *feedback : {"nack", "nack pli", "ccm fir"})
      sdp.line ("a=rtcp-fb:", type, " ", feedback);
    sdp.line ("a=fmtp:", type, " ", kFormatParameters, format.profile_level_id);
    sdp.line ("a=rtpmap:", rtx, " rtx/90000");
    sdp.line ("a=fmtp:", rtx, " apt=", type);
  }
}

void
write_audio (Text &sdp, const OfferSettings &settings)
{
  const std::string type = std::to_string (kAudioPayloadType);
  sdp.line ("m=audio 9 UDP/TLS/RTP/SAVPF ", type);
  write_transport (sdp, settings, name_of (Media::audio));
  sdp.line ("a=rtpmap:", type, " opus/48000/2");
  sdp.line ("a=fmtp:", type, " minptime=10;useinbandfec=1");
}

} // namespace

std::string
make_offer (const OfferSettings &settings)
{
  Text sdp;
  sdp.line ("v=0");
  // JSEP, section 5.2.1: the id has to fit 63 bits.
  sdp.line ("o=- ", std::to_string (settings.session_id & INT64_MAX),
      " 1 IN IP4 127.0.0.1");
  sdp.line ("s=-");
  sdp.line ("t=0 0");
  sdp.line ("a=group:BUNDLE ", name_of (Media::video), " ",
      name_of (Media::audio));
  sdp.line ("a=msid-semantic: WMS *");
  write_video (sdp, settings);
  write_audio (sdp, settings);
  return sdp.take ();
}

} // namespace restream::load
