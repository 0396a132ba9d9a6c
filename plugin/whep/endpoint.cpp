// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/endpoint.h"

#include "common/post.h"
#include "plugin/whep/peer.h"
#include "plugin/whep/request.h"
#include "plugin/whep/respond.h"

#include <gst/gst.h>

GST_DEBUG_CATEGORY_EXTERN (rtprestream_whep_debug);
#define GST_CAT_DEFAULT rtprestream_whep_debug

namespace restream::whep {

void
Endpoint::post (SoupServerMessage *msg, const std::string &stream,
    const std::string &path)
{
  std::string offer = body_of (msg);
  Request request{core_.waiting.add (msg), stream, path, is_loopback (msg)};
  // The request may be gone when this returns.
  if (offer.empty ())
    return invite (request, "it is empty");
  core_.backend.add_viewer ({stream, std::move (offer), request.loopback},
      [this, weak = core_.weak_from_this (), request] (Result<Answer> answer) {
        if (auto keep = weak.lock ())
          answered (request, std::move (answer));
      });
}

void
Endpoint::answered (const Request &request, Result<Answer> answer)
{
  if (answer)
    return open_session (request, *answer, false);
  // A viewer that lacks the codec is told so: the same codec in an offer of ours would not help it.
  if (answer.error ().code == Code::no_receiver)
    return invite (request, answer.error ().what);
  GST_INFO ("offer %" G_GUINT64_FORMAT " is refused: %s", request.id,
      answer.error ().what.c_str ());
  core_.waiting.refuse (request.id, answer.error ());
}

// A counter-offer (W05).
void
Endpoint::invite (const Request &request, const std::string &reason)
{
  GST_INFO ("offer %" G_GUINT64_FORMAT " is not taken: %s", request.id,
      reason.c_str ());
  core_.backend.invite_viewer ({request.stream, "", request.loopback},
      [this, weak = core_.weak_from_this (), request] (Result<Answer> offer) {
        auto keep = weak.lock ();
        if (!keep)
          return;
        if (offer)
          return open_session (request, *offer, true);
        core_.waiting.refuse (request.id, offer.error ());
      });
}

void
Endpoint::open_session (const Request &request, const Answer &answer,
    bool invited)
{
  SoupServerMessage *msg = core_.waiting.take (request.id);
  if (!msg) {
    GST_INFO ("answer of viewer %s came too late", answer.viewer_id.c_str ());
    // Not from inside the backend's own call.
    return restream::post (core_.context.get (), core_.weak_from_this (),
        [stream = request.stream, viewer = answer.viewer_id] (
            Core &core) { core.backend.remove_viewer (stream, viewer); });
  }
  Session &session =
      core_.sessions.open (request.stream, answer.viewer_id, request.path);
  session.invited = invited;
  GST_INFO ("viewer %s of '%s' has a session", answer.viewer_id.c_str (),
      request.stream.c_str ());

  soup_server_message_set_status (msg,
      invited ? SOUP_STATUS_NOT_ACCEPTABLE : SOUP_STATUS_CREATED, nullptr);
  add_cors (msg);
  set_header (msg, "Location", session.path.c_str ());
  set_header (msg, "Cache-Control", "no-store");
  std::string type = kSdp;
  if (invited) {
    GDateTime *until = g_date_time_new_from_unix_utc (
        g_get_real_time () / G_USEC_PER_SEC + kCounterOfferSeconds);
    Owned<char> text (soup_date_time_to_string (until, SOUP_DATE_HTTP));
    g_date_time_unref (until);
    type += std::string ("; valid-until=\"") + text.get () + "\"";
  } else {
    set_header (msg, "ETag", session.tag.c_str ());
  }
  core_.add_links (msg, session, !invited);
  soup_server_message_set_response (msg, type.c_str (), SOUP_MEMORY_COPY,
      answer.sdp.data (), answer.sdp.size ());
  // Nobody knows the URL of a session whose answer was not written.
  core_.waiting.send (request.id,
      [weak = core_.weak_from_this (), secret = session.secret] {
        if (auto core = weak.lock ())
          core->end_session (secret);
      });
}

} // namespace restream::whep
