// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/describe.h"

#include "plugin/negotiation/text.h"

namespace restream::negotiation {

void
SdpWriter::line (std::initializer_list<std::string_view> parts)
{
  for (std::string_view part : parts)
    text_ += part;
  text_ += "\r\n";
}

void
SdpWriter::media_line (const Section &section, std::string_view port,
    std::string_view formats)
{
  line ({"m=", section.media, " ", port, " ", section.protocol, " ", formats});
  line ({"c=IN IP4 0.0.0.0"});
}

void
SdpWriter::fingerprint (const Fingerprint &fingerprint)
{
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string digest;
  for (std::uint8_t octet : fingerprint.digest) {
    if (!digest.empty ())
      digest += ':';
    digest += kDigits[octet >> 4];
    digest += kDigits[octet & 0xf];
  }
  line ({"a=fingerprint:", fingerprint.algorithm, " ", digest});
}

void
SdpWriter::setup (Setup setup)
{
  line ({"a=setup:",
      setup == Setup::actpass      ? "actpass"
          : setup == Setup::active ? "active"
                                   : "passive"});
}

void
SdpWriter::codec (const MediaPlan &plan)
{
  const Codec &codec = plan.codec;
  std::string type = std::to_string (plan.payload_type);
  std::string rate = std::to_string (codec.clock_rate);
  // Everybody writes it so, and not everybody ignores the case.
  std::string name =
      codec.encoding_name == "OPUS" ? "opus" : codec.encoding_name;
  line ({"a=rtpmap:", type, " ", name, "/", rate,
      codec.channels > 1 ? "/" + std::to_string (codec.channels) : ""});
  for (const std::string &feedback : plan.feedback)
    line ({"a=rtcp-fb:", type, " ", feedback});
  std::string parameters;
  for (const auto &[key, value] : codec.parameters) {
    parameters += parameters.empty () ? "" : ";";
    parameters += value.empty () ? key : key + "=" + value;
  }
  if (!parameters.empty ())
    line ({"a=fmtp:", type, " ", parameters});
  if (plan.rtx_payload_type) {
    std::string rtx = std::to_string (*plan.rtx_payload_type);
    line ({"a=rtpmap:", rtx, " rtx/", rate});
    line ({"a=fmtp:", rtx, " apt=", type});
  }
  if (plan.red_payload_type) {
    std::string red = std::to_string (*plan.red_payload_type);
    line ({"a=rtpmap:", red, " red/", rate,
        codec.channels > 1 ? "/" + std::to_string (codec.channels) : ""});
    line ({"a=fmtp:", red, " ", type, "/", type});
  }
}

void
SdpWriter::extensions (const MediaPlan &plan)
{
  for (const HeaderExtension &extension : plan.extensions)
    line ({"a=extmap:", std::to_string (extension.id),
        extension.one_way ? "/sendonly " : " ", extension.uri});
}

void
SdpWriter::ssrc (const MediaPlan &plan, const LocalStream &stream,
    std::string_view cname)
{
  std::string ssrc = std::to_string (stream.ssrc);
  bool with_rtx = plan.rtx_payload_type && stream.rtx_ssrc;
  std::string rtx = with_rtx ? std::to_string (*stream.rtx_ssrc) : "";
  if (with_rtx)
    line ({"a=ssrc-group:FID ", ssrc, " ", rtx});
  line ({"a=ssrc:", ssrc, " cname:", cname});
  if (with_rtx)
    line ({"a=ssrc:", rtx, " cname:", cname});
}

std::string
format_list (const MediaPlan &plan)
{
  std::string formats = std::to_string (plan.payload_type);
  if (plan.rtx_payload_type)
    formats += " " + std::to_string (*plan.rtx_payload_type);
  if (plan.red_payload_type)
    formats += " " + std::to_string (*plan.red_payload_type);
  return formats;
}

} // namespace restream::negotiation
