// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/negotiation/sdp-fragment.h"

#include "plugin/negotiation/attributes.h"
#include "plugin/negotiation/describe.h"
#include "plugin/negotiation/text.h"

#include <algorithm>
#include <optional>

namespace restream::negotiation {

namespace {

struct FragmentSection
{
  Attributes attributes;
};

struct Fragment
{
  Attributes attributes;
  std::vector<FragmentSection> sections;
};

// Lines are named by number: their text may be an ICE password.
Error
malformed (std::size_t line, std::string_view why)
{
  return {Code::bad_request,
      "the fragment's line " + std::to_string (line) + ": "
          + std::string (why)};
}

Result<Fragment>
parse (std::string_view text)
{
  if (text.size () > kMaxFragmentBytes)
    return Error{Code::too_large,
        "the fragment has " + std::to_string (text.size ())
            + " bytes, more than " + std::to_string (kMaxFragmentBytes)};
  Fragment fragment;
  Attributes *attributes = &fragment.attributes;
  std::size_t number = 0;
  while (!text.empty ()) {
    std::string_view line = take_until (text, '\n');
    if (line.ends_with ('\r'))
      line.remove_suffix (1);
    if (++number > kMaxFragmentLines)
      return Error{Code::too_large,
          "the fragment has more than " + std::to_string (kMaxFragmentLines)
              + " lines"};
    if (line.empty () && text.find_first_not_of ("\r\n") == text.npos)
      break; // blank lines at the end do no harm
    for (char c : line)
      if ((c >= 0 && c < ' ' && c != '\t') || c == 0x7f)
        return malformed (number, "a control character");
    if (line.starts_with ("m=")) {
      if (fragment.sections.size () == kMaxMediaSections)
        return Error{Code::too_large,
            "the fragment has more than " + std::to_string (kMaxMediaSections)
                + " media sections"};
      if (split (line.substr (2), ' ').size () < 4)
        return malformed (number, "not a media line");
      attributes = &fragment.sections.emplace_back ().attributes;
      continue;
    }
    if (!line.starts_with ("a="))
      return malformed (number, "neither a= nor m=");
    std::string_view value = line.substr (2);
    std::string_view name = take_until (value, ':');
    if (!is_token (name))
      return malformed (number, "not an attribute");
    attributes->add (name, value);
  }
  if (fragment.sections.empty () && fragment.attributes.list ().empty ())
    return Error{Code::bad_request, "the fragment is empty"};
  return fragment;
}

bool
is_accepted_mid (const Plan &plan, std::string_view mid)
{
  return std::any_of (plan.sections.begin (), plan.sections.end (),
      [&] (const Section &s) { return s.accepted && s.mid == mid; });
}

// The section that the session's one transport goes by.
const Section *
carrier_of (const Plan &plan)
{
  for (const Section &section : plan.sections)
    if (section.accepted
        && (plan.bundle.empty () || section.mid == plan.bundle.front ()))
      return &section;
  return nullptr;
}

} // namespace

Result<IceUpdate>
read_fragment (std::string_view text, const Plan &plan,
    const IceParameters &ice)
{
  Result<Fragment> fragment = parse (text);
  if (!fragment)
    return fragment.error ();

  // All sections are bundled on one transport: what any of them says holds for it.
  std::vector<const Attributes *> levels = {&fragment->attributes};
  for (const FragmentSection &section : fragment->sections) {
    const std::string *mid = section.attributes.find ("mid");
    // RFC 8840, section 4.4: each has one, by which it is known. Of an offer that had none, the media alone.
    if (!mid && !plan.bundle.empty ())
      return Error{Code::bad_request, "a section of the fragment has no mid"};
    if (!mid || is_accepted_mid (plan, *mid))
      levels.push_back (&section.attributes);
  }
  if (!fragment->sections.empty () && levels.size () == 1)
    return Error{Code::unprocessable,
        "the fragment is about none of the session's media sections"};

  std::optional<IceParameters> given;
  for (const Attributes *attributes : levels) {
    if (!attributes->has ("ice-ufrag") && !attributes->has ("ice-pwd"))
      continue;
    Result<TransportAttributes> transport = read_transport (*attributes);
    if (!transport)
      return transport.error ().wrap ("the fragment");
    if (given
        && (given->ufrag != transport->ufrag || given->pwd != transport->pwd))
      return Error{Code::bad_request,
          "the fragment's sections have different ICE credentials"};
    given.emplace ();
    given->ufrag = transport->ufrag;
    given->pwd = transport->pwd;
  }

  IceUpdate update;
  update.ice = ice;
  if (given) {
    bool new_ufrag = given->ufrag != ice.ufrag, new_pwd = given->pwd != ice.pwd;
    // RFC 8839, section 4.4.1.1.1: a restart changes both.
    if (new_ufrag != new_pwd)
      return Error{Code::bad_request,
          "only one of ice-ufrag and ice-pwd is new; a restart changes both"};
    update.restart = new_ufrag;
    update.ice.ufrag = given->ufrag;
    update.ice.pwd = given->pwd;
  }
  for (const Attributes *attributes : levels) {
    for (std::string_view value : attributes->all ("candidate")) {
      if (update.candidates.size () == kMaxCandidates)
        break;
      auto candidate = read_candidate (value, update.ice.ufrag);
      if (candidate
          && std::find (update.candidates.begin (), update.candidates.end (),
                 *candidate)
              == update.candidates.end ())
        update.candidates.push_back (std::move (*candidate));
    }
  }
  return update;
}

std::string
make_fragment (const Plan &plan, const LocalTransport &local)
{
  SdpWriter sdp;
  if (local.ice.lite)
    sdp.line ({"a=ice-lite"});
  if (local.ice.trickle)
    sdp.line ({"a=ice-options:trickle"});
  if (!plan.bundle.empty ()) {
    std::string group = "a=group:BUNDLE";
    for (const std::string &mid : plan.bundle)
      group += " " + mid;
    sdp.line ({group});
  }
  if (const Section *carrier = carrier_of (plan)) {
    sdp.line ({"m=", carrier->media, " 9 ", carrier->protocol, " ",
        format_list (*carrier->accepted)});
    if (!carrier->mid.empty ())
      sdp.line ({"a=mid:", carrier->mid});
  }
  sdp.line ({"a=ice-ufrag:", local.ice.ufrag});
  sdp.line ({"a=ice-pwd:", local.ice.pwd});
  for (const std::string &candidate : local.candidates)
    sdp.line ({"a=candidate:", candidate});
  sdp.line ({"a=end-of-candidates"});
  return sdp.take ();
}

} // namespace restream::negotiation
