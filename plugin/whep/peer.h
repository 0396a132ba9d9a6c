// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/ref.h"

#include <libsoup/soup.h>

#include <functional>
#include <string>

namespace restream::whep {

// Did the request come over loopback? By the address of the connection alone;
// what headers say about a client behind a proxy does not count.
bool is_loopback (SoupServerMessage *msg);

// Who is asking, for counting: the address, of IPv6 the first 64 bits. Behind a proxy on this machine that says it in
// X-Forwarded-For, the address there. "" for who is on this machine.
std::string client_of (SoupServerMessage *msg);

// Tells once when the client of a paused message closes its connection. libsoup
// does not look at the socket of a paused message, so without this a client that
// gave up is only noticed when it is answered.
class HangUpWatch
{
public:
  HangUpWatch () = default;
  HangUpWatch (SoupServerMessage *msg, std::function<void ()> gone);
  HangUpWatch (const HangUpWatch &) = delete;
  HangUpWatch &operator= (HangUpWatch &&other) noexcept;
  ~HangUpWatch () { cancel (); }
  void cancel ();

private:
  Ref<GSource> source_;
};

} // namespace restream::whep
