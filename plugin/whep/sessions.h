// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "plugin/whep/waiting.h"

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>

namespace restream::whep {

struct Session
{
  std::string secret; // its URL's last segment
  std::string stream;
  std::string viewer_id;
  std::string path; // of its URL, as its client knows it
  std::string tag; // of its ICE session: a strong entity tag, with the quotes
  bool invited =
      false; // its viewer has been sent an offer, and has not answered it
  std::deque<WaitingRequests::Id> patches; // in the order in which they came
  bool patching = false; // the first of them is at the backend
};

// The sessions of a server, by their secret and by their viewer. A secret has 128 random bits; it is
// never logged. Thread: the server's.
class SessionTable
{
public:
  // endpoint_path: of the endpoint's URL, as the client knows it.
  Session &open (const std::string &stream, const std::string &viewer_id,
      const std::string &endpoint_path);
  // Null: there is none (any more).
  Session *find (const std::string &secret);
  Session *find_viewer (const std::string &stream,
      const std::string &viewer_id);
  Session take (Session &session);
  std::size_t size () const { return by_secret_.size (); }
  void for_each_of (const std::string &stream,
      const std::function<void (Session &)> &f);

private:
  std::unordered_map<std::string, Session> by_secret_;
  std::map<std::pair<std::string, std::string>, std::string>
      by_viewer_; // stream and viewer → secret
};

// A new one: of 64 random bits.
std::string new_entity_tag ();

} // namespace restream::whep
