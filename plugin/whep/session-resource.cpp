// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/whep/session-resource.h"

#include "plugin/whep/precondition.h"
#include "plugin/whep/request.h"
#include "plugin/whep/respond.h"

#include <gst/gst.h>

GST_DEBUG_CATEGORY_EXTERN (rtprestream_whep_debug);
#define GST_CAT_DEFAULT rtprestream_whep_debug

namespace restream::whep {

void
SessionResource::patch (SoupServerMessage *msg, Session &session)
{
  if (session.patches.size () >= kMaxQueued)
    return refuse (msg,
        {Code::too_many, "too many PATCHes of the session wait", 1});
  session.patches.push_back (core_.waiting.add (msg));
  next (session.secret);
}

void
SessionResource::next (const std::string &secret)
{
  // By the secret each time: the backend may call back at once, and the session may be gone then.
  for (Session *session; (session = core_.sessions.find (secret))
       && !session->patching && !session->patches.empty ();) {
    WaitingRequests::Id id = session->patches.front ();
    session->patches.pop_front ();
    SoupServerMessage *msg = core_.waiting.find (id);
    if (msg)
      begin (id, msg, *session);
  }
}

void
SessionResource::begin (WaitingRequests::Id id, SoupServerMessage *msg,
    Session &session)
{
  auto refused = [&] (const Error &error) { core_.waiting.refuse (id, error); };
  auto weak = core_.weak_from_this ();
  const std::string &secret = session.secret;
  if (has_content_type (msg, kSdp)) { // W07
    if (!session.invited)
      return refused ({Code::unprocessable,
          "the session has its answer; only ICE can be changed"});
    session.patching = true;
    core_.backend.answer_viewer (session.stream, session.viewer_id,
        body_of (msg), [this, weak, id, secret] (Result<void> done) {
          if (auto keep = weak.lock ())
            answered (id, secret, std::move (done));
        });
    return;
  }
  if (session.invited)
    return refused ({Code::unprocessable,
        "the session has no answer yet, and so no ICE session"});
  const char *if_match = soup_message_headers_get_list (
      soup_server_message_get_request_headers (msg), "If-Match");
  if (Result<void> matches = check_if_match (if_match, session.tag); !matches)
    return refused (matches.error ());
  session.patching = true;
  core_.backend.update_ice (session.stream, session.viewer_id, body_of (msg),
      [this, weak, id, secret] (Result<IceReply> reply) {
        if (auto keep = weak.lock ())
          updated (id, secret, std::move (reply));
      });
}

// The session whose PATCH is through; null: it has ended meanwhile.
Session *
SessionResource::patched (const std::string &secret)
{
  Session *session = core_.sessions.find (secret);
  if (session)
    session->patching = false;
  return session;
}

void
SessionResource::answered (WaitingRequests::Id id, const std::string &secret,
    Result<void> done)
{
  Session *session = patched (secret);
  if (!done) {
    core_.waiting.refuse (id, done.error ());
  } else if (!session) {
    core_.waiting.refuse (id, {Code::not_found, "the session has ended"});
  } else {
    session->invited = false;
    if (SoupServerMessage *msg = core_.waiting.take (id)) {
      soup_server_message_set_status (msg, SOUP_STATUS_NO_CONTENT, nullptr);
      add_cors (msg);
      set_header (msg, "ETag", session->tag.c_str ());
      core_.add_links (msg, *session, true);
      core_.waiting.send (id);
    }
  }
  next (secret);
}

void
SessionResource::updated (WaitingRequests::Id id, const std::string &secret,
    Result<IceReply> reply)
{
  Session *session = patched (secret);
  // Also when nobody waits for the answer any more: the old tag's ICE session is no more.
  if (session && reply && reply->restarted) {
    session->tag = new_entity_tag ();
    GST_INFO ("viewer %s of '%s' restarts ICE", session->viewer_id.c_str (),
        session->stream.c_str ());
  }
  if (!reply) {
    core_.waiting.refuse (id, reply.error ());
  } else if (!session) {
    core_.waiting.refuse (id, {Code::not_found, "the session has ended"});
  } else if (SoupServerMessage *msg = core_.waiting.take (id)) {
    add_cors (msg);
    if (reply->restarted) { // W26
      soup_server_message_set_status (msg, SOUP_STATUS_OK, nullptr);
      set_header (msg, "ETag", session->tag.c_str ());
      set_header (msg, "Cache-Control", "no-store");
      soup_server_message_set_response (msg, kFragment, SOUP_MEMORY_COPY,
          reply->fragment.data (), reply->fragment.size ());
    } else { // W24
      soup_server_message_set_status (msg, SOUP_STATUS_NO_CONTENT, nullptr);
    }
    core_.waiting.send (id);
  }
  next (secret);
}

// If-Match does not matter here (W20).
void
SessionResource::remove (SoupServerMessage *msg, Session &session)
{
  soup_server_message_set_status (msg, SOUP_STATUS_OK, nullptr);
  add_cors (msg);
  core_.end_session (session.secret);
}

} // namespace restream::whep
