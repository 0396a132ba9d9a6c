// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/native/native-viewer.h"

#include "common/post.h"
#include "common/random.h"
#include "plugin/transport/native/ice-candidates.h"
#include "plugin/transport/header-extensions.h"

#include <algorithm>

namespace restream::transport::native {

namespace {

// RFC 8839, section 5.4: at least 24 and 128 bits of randomness.
constexpr std::size_t kUfragBytes = 6;
constexpr std::size_t kPwdBytes = 16;

std::uint64_t
next_session_id ()
{
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add (1, std::memory_order_relaxed);
}

// What a viewer that is sent an offer will be served with.
class NativeInvitation final : public Invitation
{
public:
  NativeInvitation (Result<std::shared_ptr<const DtlsIdentity>> identity,
      negotiation::LocalDescription local)
      : identity_ (std::move (identity)), local_ (std::move (local))
  {
  }
  void prepare (Ready ready) override
  {
    if (identity_)
      ready (local_);
    else
      ready (identity_.error ().wrap ("DTLS"));
  }
  // Once prepared.
  const std::shared_ptr<const DtlsIdentity> &identity () const
  {
    return *identity_;
  }
  const negotiation::LocalDescription &local () const { return local_; }

private:
  const Result<std::shared_ptr<const DtlsIdentity>> identity_;
  const negotiation::LocalDescription local_;
};

// ICE's part of an answer, with new credentials.
negotiation::LocalTransport
local_ice (const ViewerConfig &config, const Endpoint &endpoint)
{
  negotiation::LocalTransport local;
  local.ice = {.ufrag = random_token (kUfragBytes),
      .pwd = random_token (kPwdBytes),
      .lite = true};
  local.candidates = host_candidates (config.addresses,
      config.announced_addresses, endpoint.port (), endpoint.has_tcp ());
  return local;
}

negotiation::LocalDescription
local_description (const ViewerConfig &config)
{
  negotiation::LocalDescription local;
  local.cname = config.cname;
  local.stream_id = config.cname;
  local.session_id = static_cast<std::uint64_t> (g_get_real_time ());
  return local;
}

bool
contains (const std::vector<std::string> &list, std::string_view value)
{
  return std::find (list.begin (), list.end (), value) != list.end ();
}

} // namespace

NativeViewer::NativeViewer (ViewerConfig config, ViewerObserver &observer,
    std::shared_ptr<Endpoint> endpoint, std::uint64_t stream)
    : Viewer (std::move (config)), observer_ (&observer),
      endpoint_ (std::move (endpoint)), stream_ (stream),
      session_ (next_session_id ())
{
}

std::shared_ptr<Invitation>
NativeViewer::invite (const ViewerConfig &config, Endpoint &endpoint)
{
  auto identity = endpoint.identity ();
  negotiation::LocalDescription local = local_description (config);
  local.transport = local_ice (config, endpoint);
  if (identity)
    local.transport.fingerprint = (*identity)->fingerprint ();
  local.transport.setup = negotiation::Setup::actpass;
  for (Media media : kAllMedia)
    local.streams.push_back ({.media = media,
        .ssrc = config.streams[index_of (media)].ssrc,
        .rtx_ssrc = media == Media::video ? std::optional (random_u32 ())
                                          : std::nullopt});
  return std::make_shared<NativeInvitation> (std::move (identity),
      std::move (local));
}

NativeViewer::~NativeViewer ()
{
  close ();
}

void
NativeViewer::start ()
{
  Result<std::string> answer = begin ();
  if (answer)
    tell ([sdp = std::move (*answer)] (NativeViewer &self,
              ViewerObserver &observer) {
      observer.viewer_answered (self, sdp);
    });
  else
    session_ended (answer.error ());
}

Result<std::string>
NativeViewer::begin ()
{
  auto *invitation =
      static_cast<const NativeInvitation *> (config_.invitation.get ());
  auto identity =
      invitation ? Result (invitation->identity ()) : endpoint_->identity ();
  if (!identity)
    return identity.error ().wrap ("DTLS");
  const negotiation::Plan &plan = config_.plan;
  // As the DTLS server we choose the SRTP profile. Chromium as the server takes AES-CM,
  // at three times the price of GCM.
  bool passive = plan.setup != negotiation::Setup::passive;
  negotiation::LocalTransport ice = invitation
      ? invitation->local ().transport
      : local_ice (config_, *endpoint_);
  SessionSettings settings = {
      .id = session_,
      .stream = stream_,
      .local = {ice.ice.ufrag, ice.ice.pwd},
      .remote = {plan.ice.ufrag, plan.ice.pwd},
      .role =
          passive ? DtlsConnection::Role::server : DtlsConnection::Role::client,
      .identity = *identity,
      .fingerprints = plan.fingerprints,
      .sender = sender_settings (),
      .silence_timeout_us =
          static_cast<std::int64_t> (config_.silence_timeout / GST_USECOND),
  };

  negotiation::LocalDescription local = local_description (config_);
  local.transport = std::move (ice);
  local.transport.fingerprint = (*identity)->fingerprint ();
  local.transport.setup =
      passive ? negotiation::Setup::passive : negotiation::Setup::active;
  for (Media media : kAllMedia) {
    const MediaSettings &sent = settings.sender.media[index_of (media)];
    if (!sent.active)
      continue;
    negotiation::LocalStream stream{.media = media, .ssrc = sent.ssrc};
    if (sent.rtx_payload_type)
      stream.rtx_ssrc = sent.rtx_ssrc;
    local.streams.push_back (stream);
  }

  auto session =
      std::make_shared<Session> (std::move (settings), shared_from_this ());
  IoThread &thread = endpoint_->least_loaded ();
  Directory &directory = endpoint_->directory ();
  directory.add (session_, thread, [&] {
    thread.post ([session = std::move (session)] (IoThread &self) mutable {
      self.enter (std::move (session));
    });
  });
  directory.add_ufrag (local.transport.ice.ufrag, session_);
  return invitation ? "" : negotiation::make_answer (plan, local);
}

Result<negotiation::LocalTransport>
NativeViewer::restart_ice (const negotiation::IceParameters &remote)
{
  if (!observer_ || ended_)
    return Error{Code::not_found, "the viewer is gone"};
  negotiation::LocalTransport local = local_ice (config_, *endpoint_);
  order ([to = IceCredentials{local.ice.ufrag, local.ice.pwd},
             from = IceCredentials{remote.ufrag, remote.pwd}] (
             Session &session) { session.restart_ice (to, from); });
  return local;
}

SenderSettings
NativeViewer::sender_settings () const
{
  SenderSettings settings{.media = {}, .cname = config_.cname};
  for (Media media : kAllMedia) {
    const negotiation::MediaPlan *plan = config_.plan.find (media);
    if (!plan)
      continue;
    MediaSettings &sent = settings.media[index_of (media)];
    sent.active = true;
    sent.payload_type = plan->payload_type;
    sent.ssrc = config_.streams[index_of (media)].ssrc;
    sent.clock_rate = plan->codec.clock_rate;
    sent.nack = contains (plan->feedback, "nack");
    sent.rtx_payload_type = plan->rtx_payload_type;
    sent.red_payload_type = plan->red_payload_type;
    sent.rtx_ssrc = random_u32 ();
    if (config_.invitation) // it is told already
      for (const negotiation::LocalStream &told :
          static_cast<const NativeInvitation &> (*config_.invitation)
              .local ()
              .streams)
        if (told.media == media && told.rtx_ssrc)
          sent.rtx_ssrc = *told.rtx_ssrc;
    // Without a stream of their own, retransmissions must be what was sent, to the
    // byte: then packets cannot bear numbers that are new each time.
    if (sent.nack && !sent.rtx_payload_type)
      continue;
    const ExtensionIds ids = extension_ids (*plan);
    sent.transport_sequence_id = ids.transport_sequence;
    sent.capture_time_id = ids.capture_time;
    sent.playout_delay_id = ids.playout_delay;
  }
  return settings;
}

void
NativeViewer::order (std::function<void (Session &)> f)
{
  if (IoThread *thread = endpoint_->directory ().find (session_))
    thread->post ([session = session_, f = std::move (f)] (
                      IoThread &self) { self.with_session (session, f); });
}

void
NativeViewer::drain (unsigned timeout_ms)
{
  if (!observer_)
    return;
  if (ended_ || !endpoint_->directory ().find (session_))
    return session_drained ();
  std::int64_t deadline =
      g_get_monotonic_time () + std::int64_t{timeout_ms} * 1000;
  order ([deadline] (Session &session) { session.drain (deadline); });
}

void
NativeViewer::close ()
{
  observer_ = nullptr;
  if (!endpoint_)
    return;
  order ([] (Session &session) { session.close (); });
  endpoint_.reset ();
  state_ = ViewerState::closed;
}

void
NativeViewer::tell (std::function<void (NativeViewer &, ViewerObserver &)> f)
{
  post (config_.context.get (), weak_from_this (),
      [f = std::move (f)] (NativeViewer &self) {
        if (self.observer_)
          f (self, *self.observer_);
      });
}

void
NativeViewer::session_state (ViewerState state)
{
  state_ = state;
  tell ([state] (NativeViewer &self, ViewerObserver &observer) {
    observer.viewer_state_changed (self, state);
  });
}

void
NativeViewer::session_ended (Error reason)
{
  tell ([reason = std::move (reason)] (NativeViewer &self,
            ViewerObserver &observer) {
    self.ended_ = true;
    observer.viewer_ended (self, reason);
  });
}

void
NativeViewer::session_drained ()
{
  tell ([] (NativeViewer &self, ViewerObserver &observer) {
    self.ended_ = true;
    observer.viewer_drained (self);
  });
}

} // namespace restream::transport::native
