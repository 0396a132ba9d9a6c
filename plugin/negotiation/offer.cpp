// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/offer.h"

#include "plugin/negotiation/plan.h"
#include "plugin/negotiation/text.h"

#include <gst/sdp/gstsdpmessage.h>

namespace restream {
RESTREAM_FREE (GstSDPMessage, gst_sdp_message_free);
}

namespace restream::negotiation {

void
Attributes::add (std::string_view name, std::string_view value)
{
  list_.push_back ({std::string (name), std::string (trim (value))});
}

const std::string *
Attributes::find (std::string_view name) const
{
  for (const Attribute &attribute : list_) {
    if (attribute.name == name)
      return &attribute.value;
  }
  return nullptr;
}

std::vector<std::string_view>
Attributes::all (std::string_view name) const
{
  std::vector<std::string_view> values;
  for (const Attribute &attribute : list_) {
    if (attribute.name == name)
      values.push_back (attribute.value);
  }
  return values;
}

namespace {

// Messages name lines by number: their text may be an ICE password.
class Complaint
{
public:
  explicit Complaint (std::string_view what) : what_ (what) {}

  Error malformed (std::size_t line, std::string_view why) const
  {
    return {Code::bad_request,
        "the " + what_ + "'s line " + std::to_string (line) + ": "
            + std::string (why)};
  }
  Error bad (std::string_view why) const
  {
    return {Code::bad_request, "the " + what_ + " " + std::string (why)};
  }
  Error too_large (std::string_view why) const
  {
    return {Code::too_large, "the " + what_ + " has " + std::string (why)};
  }

private:
  std::string what_;
};

// m=<media> <port>[/<count>] <proto> <fmt> …
bool
is_media_line (std::string_view value)
{
  std::vector<std::string_view> words = split (value, ' ');
  if (words.size () < 4 || !is_token (words[0]))
    return false;
  std::string_view count = words[1];
  std::string_view port = take_until (count, '/');
  if (!parse_uint (port, 65535)
      || (port.size () != words[1].size () && !parse_uint (count, 65535)))
    return false;
  std::string_view protocol = words[2];
  while (!protocol.empty ()) {
    if (!is_token (take_until (protocol, '/')))
      return false;
  }
  for (std::size_t i = 3; i < words.size (); i++) {
    if (!is_token (words[i]))
      return false;
  }
  return true;
}

// GStreamer's parser takes nearly anything: it cuts at NUL, skips what it does
// not understand and reads numbers with atoi(). So the lines are checked first.
Result<std::size_t>
check_text (std::string_view text, const Complaint &complaint)
{
  if (text.size () > kMaxOfferBytes)
    return complaint.too_large (std::to_string (text.size ())
        + " bytes, more than " + std::to_string (kMaxOfferBytes));
  if (text.empty ())
    return complaint.bad ("is empty");
  if (text.find ('\0') != std::string_view::npos)
    return complaint.bad ("has a NUL byte");
  if (!g_utf8_validate_len (text.data (), text.size (), nullptr))
    return complaint.bad ("is not UTF-8");

  std::size_t number = 0;
  std::size_t lines = 0; // of this section
  std::size_t sections = 0;
  bool have_origin = false, have_name = false, have_time = false;
  while (!text.empty ()) {
    std::string_view line = take_until (text, '\n');
    if (line.ends_with ('\r'))
      line.remove_suffix (1);
    number++;
    if (line.empty () && text.find_first_not_of ("\r\n") == text.npos)
      break; // blank lines at the end do no harm
    if (line.size () > kMaxLineBytes)
      return complaint.too_large ("a line of " + std::to_string (line.size ())
          + " bytes, more than " + std::to_string (kMaxLineBytes));
    for (char c : line) {
      if ((c >= 0 && c < ' ' && c != '\t') || c == 0x7f)
        return complaint.malformed (number, "a control character");
    }
    if (line.size () < 2 || line[0] < 'a' || line[0] > 'z' || line[1] != '=')
      return complaint.malformed (number, "not a line of SDP");
    std::string_view value = line.substr (2);
    if (number == 1 && (line[0] != 'v' || trim (value) != "0"))
      return complaint.malformed (number, "not v=0");
    if (++lines > kMaxLinesPerSection)
      return complaint.too_large ("more than "
          + std::to_string (kMaxLinesPerSection) + " lines in a section");

    switch (line[0]) {
      case 'v':
        if (number != 1)
          return complaint.malformed (number, "a second v=");
        break;
      case 'o':
        if (sections || have_origin || split (value, ' ').size () != 6)
          return complaint.malformed (number,
              "not the one o= line of six words");
        have_origin = true;
        break;
      case 's':
        if (sections)
          return complaint.malformed (number, "s= inside a media section");
        have_name = true;
        break;
      case 't':
        if (sections)
          return complaint.malformed (number, "t= inside a media section");
        have_time = true;
        break;
      case 'm':
        if (!is_media_line (value))
          return complaint.malformed (number,
              quote (line) + " is not a media line");
        if (++sections > kMaxMediaSections)
          return complaint.too_large ("more than "
              + std::to_string (kMaxMediaSections) + " media sections");
        lines = 0;
        break;
      case 'a': {
        if (!is_token (take_until (value, ':')))
          return complaint.malformed (number, "not an attribute");
        break;
      }
      default:
        break;
    }
  }
  if (!have_origin || !have_name || !have_time)
    return complaint.bad ("lacks one of the lines o=, s=, t=");
  if (!sections)
    return complaint.bad ("has no media section");
  return sections;
}

template <typename T, typename Length, typename Get>
void
copy_attributes (const T *from, Length length, Get get, Attributes &to)
{
  for (guint i = 0; i < length (from); i++) {
    const GstSDPAttribute *attribute = get (from, i);
    to.add (attribute->key, attribute->value ? attribute->value : "");
  }
}

} // namespace

Result<Offer>
parse_offer (std::string_view text, std::string_view what)
{
  const Complaint complaint (what);
  Result<std::size_t> count = check_text (text, complaint);
  if (!count)
    return count.error ();

  Owned<GstSDPMessage> message;
  GstSDPMessage *raw = nullptr;
  gst_sdp_message_new (&raw);
  message.reset (raw);
  if (gst_sdp_message_parse_buffer (
          reinterpret_cast<const guint8 *> (text.data ()),
          static_cast<guint> (text.size ()), message.get ())
          != GST_SDP_OK
      || gst_sdp_message_medias_len (message.get ()) != *count)
    return complaint.bad ("is not SDP");

  Offer offer;
  copy_attributes (message.get (), gst_sdp_message_attributes_len,
      gst_sdp_message_get_attribute, offer.attributes);
  offer.sections.resize (*count);
  for (std::size_t i = 0; i < *count; i++) {
    const GstSDPMedia *media =
        gst_sdp_message_get_media (message.get (), static_cast<guint> (i));
    OfferedSection &section = offer.sections[i];
    section.media = gst_sdp_media_get_media (media);
    section.port = gst_sdp_media_get_port (media);
    section.protocol = gst_sdp_media_get_proto (media);
    for (guint f = 0; f < gst_sdp_media_formats_len (media); f++) {
      const char *format = gst_sdp_media_get_format (media, f);
      if (*format) // it adds an empty one for a blank at the line's end
        section.formats.emplace_back (format);
    }
    copy_attributes (media, gst_sdp_media_attributes_len,
        gst_sdp_media_get_attribute, section.attributes);
  }
  return offer;
}

} // namespace restream::negotiation
