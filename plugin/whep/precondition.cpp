// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/precondition.h"

namespace restream::whep {

Result<void>
check_if_match (const char *field, std::string_view tag)
{
  if (!field)
    return Error{Code::precondition_required,
        "If-Match is missing: the entity tag of the ICE session, or * to "
        "restart ICE"};
  std::string_view text = field;
  while (!text.empty ()) {
    if (text.front () == ' ' || text.front () == '\t' || text.front () == ',') {
      text.remove_prefix (1);
      continue;
    }
    if (text.front () == '*')
      return {};
    bool weak =
        text.starts_with ("W/"); // which never matches (section 8.8.3.2)
    if (weak)
      text.remove_prefix (2);
    std::size_t end = text.starts_with ('"') ? text.find ('"', 1) : text.npos;
    if (end == text.npos)
      break; // no entity tag, so none that matches
    std::string_view one = text.substr (0, end + 1);
    if (!weak && (one == tag || one == "\"*\""))
      return {};
    text.remove_prefix (end + 1);
  }
  return Error{Code::precondition_failed,
      "If-Match does not have the entity tag of the session's present ICE "
      "session"};
}

} // namespace restream::whep
