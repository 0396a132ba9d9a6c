// SPDX-License-Identifier: LGPL-2.1-or-later
// A WHEP server on a free port, over a backend that answers as the test wants.
#pragma once

#include "plugin/whep/event-streams.h"
#include "plugin/whep/server.h"
#include "tests/whep/http-client.h"

#include <map>
#include <optional>
#include <set>
#include <vector>

using namespace restream;

inline const std::string kOffer =
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
inline const std::string kAnswer =
    "v=0\r\no=- 2 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

inline const std::string kFragment =
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n";

class FakeBackend : public whep::Backend
{
public:
  Result<void> check_stream (const std::string &stream) override
  {
    auto found = streams.find (stream);
    if (found == streams.end ())
      return Error{Code::not_found, "no stream '" + stream + "'"};
    if (found->second)
      return *found->second;
    return {};
  }

  void add_viewer (whep::OfferRequest request,
      whep::AnswerCallback callback) override
  {
    offers.push_back (request);
    if (hold) {
      held.push_back (std::move (callback));
      return;
    }
    if (refusal)
      callback (*refusal);
    else
      callback (accept ());
  }

  std::string token (const std::string &) override { return bearer; }
  whep::StreamState state (const std::string &) override { return now; }

  void invite_viewer (whep::OfferRequest,
      whep::AnswerCallback callback) override
  {
    if (no_offer)
      return callback (*no_offer);
    whep::Answer invited = accept ();
    invited.sdp = kOffer;
    callback (invited);
  }

  void answer_viewer (const std::string &, const std::string &viewer_id,
      const std::string &answer, whep::DoneCallback callback) override
  {
    g_assert_true (viewers.contains (viewer_id));
    answers.push_back (answer);
    if (refusal)
      callback (*refusal);
    else
      callback (Result<void> ());
  }

  // As of a viewer whose credentials are those of kFragment: others restart.
  void update_ice (const std::string &, const std::string &viewer_id,
      const std::string &fragment, whep::IceCallback callback) override
  {
    g_assert_true (viewers.contains (viewer_id));
    fragments.push_back (fragment);
    auto reply = [this, fragment, callback] {
      if (refusal)
        callback (*refusal);
      else if (fragment == kFragment)
        callback (whep::IceReply{});
      else
        callback (whep::IceReply{true, "a=ice-ufrag:" + fragment});
    };
    if (hold)
      held_ice.push_back (reply);
    else
      reply ();
  }

  void remove_viewer (const std::string &stream,
      const std::string &viewer_id) override
  {
    removed.push_back (viewer_id);
    g_assert_cmpuint (viewers.erase (viewer_id), ==, 1);
  }

  whep::Answer accept ()
  {
    std::string id = "viewer-" + std::to_string (++count);
    viewers.insert (id);
    return {id, kAnswer};
  }

  std::map<std::string, std::optional<Error>> streams{{"", std::nullopt}};
  std::optional<Error> refusal;
  bool hold = false;
  std::vector<whep::AnswerCallback> held;
  std::vector<std::function<void ()>> held_ice;
  std::string bearer;
  std::optional<Error> no_offer; // why none is made now
  whep::StreamState now;
  std::vector<std::string> answers, fragments;
  std::vector<whep::OfferRequest> offers;
  std::vector<std::string> removed;
  std::set<std::string> viewers; // that the backend has
  int count = 0;
};

class Fixture
{
public:
  explicit Fixture (whep::ServerOptions options = {})
      : soup (whep::new_http_server ())
  {
    Owned<GError> error;
    g_assert_true (soup_server_listen_local (soup.get (), 0,
        SOUP_SERVER_LISTEN_IPV4_ONLY, out (error)));
    g_assert_no_error (error.get ());
    GSList *uris = soup_server_get_uris (soup.get ());
    port = guint16 (g_uri_get_port (static_cast<GUri *> (uris->data)));
    g_slist_free_full (uris, reinterpret_cast<GDestroyNotify> (g_uri_unref));
    server = std::make_unique<whep::Server> (soup.get (), backend,
        std::move (options));
  }

  ~Fixture ()
  {
    server.reset ();
    soup_server_disconnect (soup.get ());
    while (g_main_context_iteration (nullptr, FALSE)) {
    }
  }

  static std::string request (const std::string &line,
      const std::string &headers = "", const std::string &body = "")
  {
    std::string length = body.empty ()
        ? ""
        : "Content-Length: " + std::to_string (body.size ()) + "\r\n";
    return line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        + length + headers + "\r\n" + body;
  }

  static std::string post (const std::string &path = "/whep",
      const std::string &headers = "")
  {
    return request ("POST " + path,
        "Content-Type: application/sdp\r\n" + headers, kOffer);
  }

  Reply exchange (const std::string &bytes)
  {
    Reply reply;
    beside_main_loop ([&] {
      Connection connection (port);
      connection.send (bytes);
      reply = connection.read ();
    });
    return reply;
  }

  Reply call (const std::string &line, const std::string &headers = "",
      const std::string &body = "")
  {
    return exchange (request (line, headers, body));
  }

  Ref<SoupServer> soup;
  guint16 port = 0;
  FakeBackend backend;
  std::unique_ptr<whep::Server> server;
};
