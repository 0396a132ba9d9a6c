// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/core.h"

#include "plugin/whep/respond.h"
#include "plugin/whep/route.h"

#include <gst/gst.h>

GST_DEBUG_CATEGORY_EXTERN (rtprestream_whep_debug);
#define GST_CAT_DEFAULT rtprestream_whep_debug

namespace restream::whep {

void
Core::add_links (SoupServerMessage *msg, const Session &session,
    bool extensions) const
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);
  for (const std::string &link : ice_server_links (options.ice_servers,
           session.viewer_id, g_get_real_time () / G_USEC_PER_SEC))
    soup_message_headers_append (headers, "Link", link.c_str ());
  if (!extensions)
    return;
  std::string link = "<" + session.path + "/" + kEventsSegment
      + ">; rel=\"urn:ietf:params:whep:ext:core:server-sent-events\"; events=\""
      + EventStreams::kTypes + "\"";
  soup_message_headers_append (headers, "Link", link.c_str ());
}

void
Core::forget_session (Session &session)
{
  Session gone = sessions.take (session);
  events.end_session (gone.secret);
  for (WaitingRequests::Id id : gone.patches)
    waiting.refuse (id, {Code::not_found, "the session has ended"});
}

void
Core::end_session (const std::string &secret)
{
  Session *session = sessions.find (secret);
  if (!session)
    return;
  std::string stream = session->stream, viewer = session->viewer_id;
  GST_INFO ("viewer %s of '%s' leaves", viewer.c_str (), stream.c_str ());
  forget_session (*session);
  backend.remove_viewer (stream, viewer);
}

} // namespace restream::whep
