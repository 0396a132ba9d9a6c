// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/sessions.h"

#include "common/random.h"

namespace restream::whep {

std::string
new_entity_tag ()
{
  return "\"" + random_token (8) + "\"";
}

Session &
SessionTable::open (const std::string &stream, const std::string &viewer_id,
    const std::string &endpoint_path)
{
  std::string secret = random_token (16);
  by_viewer_[{stream, viewer_id}] = secret;
  Session &session = by_secret_[secret];
  session.secret = secret;
  session.stream = stream;
  session.viewer_id = viewer_id;
  session.path = endpoint_path + "/" + secret;
  session.tag = new_entity_tag ();
  return session;
}

Session *
SessionTable::find (const std::string &secret)
{
  auto found = by_secret_.find (secret);
  return found == by_secret_.end () ? nullptr : &found->second;
}

Session *
SessionTable::find_viewer (const std::string &stream,
    const std::string &viewer_id)
{
  auto found = by_viewer_.find ({stream, viewer_id});
  return found == by_viewer_.end () ? nullptr : find (found->second);
}

Session
SessionTable::take (Session &session)
{
  Session taken = std::move (session);
  by_secret_.erase (taken.secret);
  by_viewer_.erase ({taken.stream, taken.viewer_id});
  return taken;
}

void
SessionTable::for_each_of (const std::string &stream,
    const std::function<void (Session &)> &f)
{
  for (auto it = by_viewer_.lower_bound ({stream, ""});
       it != by_viewer_.end () && it->first.first == stream; ++it)
    f (by_secret_[it->second]);
}

} // namespace restream::whep
