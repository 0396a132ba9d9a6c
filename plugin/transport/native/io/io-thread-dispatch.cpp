// SPDX-License-Identifier: LGPL-2.1-or-later
// Whose a datagram is: a session's here, or one's that lives on another thread.
#include "plugin/transport/native/io/io-thread.h"

#include "common/bytes.h"
#include "common/rtp-packet.h"

namespace restream::transport::native {

namespace {

constexpr unsigned kMaxHops = 3;
constexpr std::size_t kRtcpHead = 8; // with the sender's SSRC, in the clear

} // namespace

void
IoThread::dispatch (const Path &path, std::span<std::uint8_t> bytes)
{
  if (looks_like_stun (bytes)) {
    if (!dispatch_answer (path, bytes))
      dispatch_check ({path, this, 0}, bytes);
    return;
  }
  if (auto found = by_address_.find (path.remote);
      found != by_address_.end ()) {
    Session &session = *found->second;
    session.handle_datagram (bytes, path);
    return settle (session);
  }
  if (auto foreign = foreign_.find (path.remote); foreign != foreign_.end ())
    return foreign->second->post (
        [path,
            copy = std::vector<std::uint8_t> (bytes.begin (), bytes.end ())] (
            IoThread &owner) mutable {
          auto found = owner.by_address_.find (path.remote);
          if (found == owner.by_address_.end ())
            return;
          Session &session = *found->second;
          session.handle_datagram (copy, path);
          owner.settle (session);
        });
  dispatch_stray (path, bytes);
}

// From an address that nobody knows. RTCP may be of a viewer whose NAT has given it
// another one; the rest nobody has asked for.
void
IoThread::dispatch_stray (const Path &path, std::span<const std::uint8_t> bytes)
{
  if (!is_rtcp (bytes) || bytes.size () < kRtcpHead)
    return;
  std::optional<std::uint64_t> session =
      directory_.find_source (be32 (bytes, 4));
  if (session)
    with_session (*session,
        [path,
            copy = std::vector<std::uint8_t> (bytes.begin (), bytes.end ())] (
            Session &owner) mutable { owner.handle_stray (copy, path); });
}

// The answer to a probe. false: it is none.
bool
IoThread::dispatch_answer (const Path &path,
    std::span<const std::uint8_t> bytes)
{
  std::optional<TransactionId> id = answered_transaction (bytes);
  if (!id)
    return false;
  if (std::optional<std::uint64_t> session = directory_.find_probe (*id))
    with_session (*session,
        [path, receiver = this,
            copy = std::vector<std::uint8_t> (bytes.begin (), bytes.end ())] (
            Session &owner) {
          owner.handle_probe_answer (copy, path, *receiver);
        });
  return true;
}

void
IoThread::handle_tcp (TcpConnection &connection,
    std::span<std::uint8_t> datagram)
{
  if (looks_like_stun (datagram)) {
    if (!dispatch_answer (connection.path (), datagram))
      dispatch_check ({connection.path (), this, 0}, datagram);
    return;
  }
  if (Session *session = connection.session) {
    session->handle_datagram (datagram, connection.path ());
    settle (*session);
  }
}

void
IoThread::tcp_ended (TcpConnection &connection)
{
  if (Session *session = connection.session) {
    session->lose_path (connection.path ());
    settle (*session);
  }
}

void
IoThread::dispatch_check (Arrival arrival, std::span<const std::uint8_t> bytes)
{
  CheckName name;
  if (!responder_.read_name (bytes, name))
    return;
  if (auto found = by_ufrag_.find (name.local); found != by_ufrag_.end ())
    return check (*found->second, name, arrival, bytes);
  // This thread, too, when the session is on its way here.
  IoThread *owner = directory_.find_ufrag (name.local);
  if (!owner || ++arrival.hops > kMaxHops)
    return;
  // A connection goes to where its session is.
  if (arrival.path.tcp) {
    std::shared_ptr<TcpConnection> connection =
        arrival.path.tcp->session ? nullptr : tcp_.take (*arrival.path.tcp);
    if (connection)
      owner->post ([connection, arrival,
                       copy = std::vector<std::uint8_t> (bytes.begin (),
                           bytes.end ())] (IoThread &self) mutable {
        TcpConnection &adopted = *connection;
        self.tcp_.adopt (std::move (connection));
        self.tcp_check_us_ = self.now_us_;
        self.dispatch_check ({arrival.path, &self, arrival.hops}, copy);
        self.tcp_.handle_rest (adopted);
      });
    return;
  }
  owner->post (
      [arrival,
          copy = std::vector<std::uint8_t> (bytes.begin (), bytes.end ())] (
          IoThread &self) { self.dispatch_check (arrival, copy); });
}

void
IoThread::check (Session &session, const CheckName &name,
    const Arrival &arrival, std::span<const std::uint8_t> bytes)
{
  const std::string *password = session.password_of (name.local);
  if (!password)
    return;
  CheckResult result =
      responder_.answer (bytes, *password, arrival.path.remote);
  if (result.kind == CheckResult::Kind::dropped)
    return session.reject ();
  if (arrival.receiver != this && result.kind == CheckResult::Kind::valid) {
    if (session.can_move ()) {
      // The viewer's packets will come to that thread: so the session goes there.
      std::shared_ptr<Session> moving = leave (session);
      const std::uint64_t id = moving->id ();
      directory_.add (id, *arrival.receiver, [&] {
        arrival.receiver->post (
            [moving = std::move (moving), arrival,
                copy = std::vector<std::uint8_t> (bytes.begin (),
                    bytes.end ())] (IoThread &self) mutable {
              self.enter (std::move (moving));
              self.dispatch_check (arrival, copy);
            });
      });
      return;
    }
    session.lend (arrival.path, *arrival.receiver);
  }
  session.handle_check (name, result, arrival.path);
  settle (session);
}

} // namespace restream::transport::native
