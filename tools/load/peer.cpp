// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/peer.h"

#include "common/h264-payload.h"
#include "common/random.h"
#include "common/rtp-packet.h"
#include "plugin/transport/rtcp/rtcp-writer.h"
#include "plugin/transport/native/stun/binding.h"
#include "tools/load/offer.h"

#include <algorithm>
#include <utility>

namespace restream::load {

namespace {

using transport::native::DtlsConnection;
using transport::native::SrtpReceiver;
using transport::native::SrtpSender;

constexpr std::int64_t kReportIntervalUs = 1'000'000;
constexpr std::int64_t kConsentLimitUs = 30'000'000; // RFC 7675, section 5.1
constexpr std::size_t kMaxReportBytes = 256;
constexpr int kMaxBatches =
    16; // of one socket before the others have their turn

Media
medium_of (Payload payload)
{
  return payload == Payload::video ? Media::video : Media::audio;
}

} // namespace

PeerTotals &
PeerTotals::operator+= (const PeerTotals &other)
{
  for (Media m : kAllMedia)
    media[index_of (m)] += other.media[index_of (m)];
  retransmitted += other.retransmitted;
  unknown += other.unknown;
  refused += other.refused;
  decrypted += other.decrypted;
  socket_drops += other.socket_drops;
  return *this;
}

PeerTotals
operator- (const PeerTotals &now, const PeerTotals &before)
{
  PeerTotals between;
  for (Media m : kAllMedia)
    between.media[index_of (m)] =
        now.media[index_of (m)] - before.media[index_of (m)];
  between.retransmitted = now.retransmitted - before.retransmitted;
  between.unknown = now.unknown - before.unknown;
  between.refused = now.refused - before.refused;
  between.decrypted = now.decrypted - before.decrypted;
  between.socket_drops = now.socket_drops - before.socket_drops;
  return between;
}

Result<std::unique_ptr<Peer>>
Peer::create (Settings settings)
{
  Result<ClientSocket> socket = ClientSocket::open ();
  if (!socket)
    return socket.error ();
  return std::unique_ptr<Peer> (
      new Peer (std::move (settings), std::move (*socket)));
}

Peer::Peer (Settings settings, ClientSocket socket)
    : settings_ (std::move (settings)), credentials_{random_token (4),
                                            random_token (16)},
      ssrc_ (random_u32 ()),
      socket_ (std::move (socket)), meters_{MediaMeter (kVideoClockRate),
                                        MediaMeter (kAudioClockRate)}
{
}

Peer::~Peer () = default;

void
Peer::start (const Answer &answer, std::int64_t now_us)
{
  now_us_ = now_us;
  accepted_ = answer.accepted;
  payloads_ = answer.payloads;
  ice_ = std::make_unique<IceClient> (credentials_,
      IceCredentials{answer.ufrag, answer.pwd}, answer.candidates, now_us);
  auto dtls = DtlsConnection::create (settings_.identity,
      answer.we_are_dtls_client ? DtlsConnection::Role::client
                                : DtlsConnection::Role::server,
      answer.fingerprints);
  if (!dtls)
    return end ("DTLS: " + dtls.error ().what);
  dtls_ = std::move (*dtls);
  state_ = State::connecting;
  flush_ice ();
}

void
Peer::receive (ReceiveBatch &batch)
{
  for (int i = 0; i < kMaxBatches && state_ != State::ended; i++) {
    auto datagrams = socket_.receive (batch);
    now_us_ = g_get_monotonic_time ();
    for (ClientSocket::Datagram &datagram : datagrams)
      handle (datagram);
    if (datagrams.size () < ReceiveBatch::kMaxDatagrams)
      break;
  }
}

void
Peer::handle (ClientSocket::Datagram &datagram)
{
  const std::span<std::uint8_t> bytes = datagram.bytes;
  if (bytes.empty () || !ice_ || state_ == State::ended)
    return;
  if (transport::native::looks_like_stun (bytes)) {
    if (auto reply = ice_->receive (bytes, datagram.from, datagram.arrival_us))
      socket_.send (reply->to, reply->bytes);
    flush_ice ();
    if (ice_->nominated () && !times_.ice_us)
      times_.ice_us = ice_->nominated_us ();
    if (ice_->selected () && !dtls_started_) {
      dtls_started_ = true;
      state_ = State::handshaking;
      dtls_->start (now_us_);
      run_dtls ();
    }
    return;
  }
  // Media and DTLS are only the server's.
  if (!ice_->knows (datagram.from))
    return;
  if (bytes[0] >= 20 && bytes[0] <= 63) { // RFC 7983
    dtls_from_ = datagram.from;
    dtls_->receive (bytes, now_us_);
    run_dtls ();
  } else if (bytes[0] >> 6 == 2) {
    if (!receiver_)
      return;
    if (is_rtcp (bytes))
      handle_rtcp (bytes, datagram.arrival_us);
    else
      handle_rtp (bytes, datagram.arrival_us);
  }
}

void
Peer::flush_ice ()
{
  while (auto check = ice_->next_check (now_us_))
    socket_.send (check->to, check->bytes);
}

void
Peer::run_dtls ()
{
  const auto &to = ice_->selected () ? ice_->selected () : dtls_from_;
  for (std::span<const std::uint8_t> datagram; dtls_->next_datagram (datagram);)
    if (to)
      socket_.send (*to, datagram);
  switch (dtls_->state ()) {
    case DtlsConnection::State::connected:
      if (!receiver_)
        begin_media ();
      break;
    case DtlsConnection::State::closed:
      end ("the server closed the connection");
      break;
    case DtlsConnection::State::failed:
      end ("DTLS: " + dtls_->error ());
      break;
    default:
      break;
  }
}

void
Peer::begin_media ()
{
  const auto &keys = dtls_->keys ();
  if (!keys)
    return end ("DTLS gave no keys");
  auto receiver = SrtpReceiver::create (keys->remote);
  auto sender = SrtpSender::create (keys->local);
  if (!receiver || !sender)
    return end (
        "SRTP: " + (receiver ? sender.error () : receiver.error ()).what);
  receiver_ = std::move (*receiver);
  sender_ = std::move (*sender);
  dtls_->forget_keys ();
  times_.dtls_us = now_us_;
  // Viewers who came together do not report together.
  report_us_ = now_us_ + random_u32 () % kReportIntervalUs;
  state_ = State::waiting;
}

void
Peer::handle_rtp (std::span<std::uint8_t> bytes, std::int64_t arrival_us)
{
  if (bytes.size () < kRtpFixedHeader)
    return;
  const std::size_t size = bytes.size ();
  const Payload payload = payloads_[bytes[1] & 0x7f];
  if (decrypting_) {
    SrtpReceiver::Plain plain = receiver_->unprotect_rtp (bytes);
    if (!plain) {
      // Twice the same is for the meter to count.
      if (plain.verdict != transport::native::SrtpVerdict::replayed) {
        other_.refused++;
        return;
      }
    } else {
      other_.decrypted++;
      look_for_start (plain.packet, payload, arrival_us);
    }
  }
  switch (payload) {
    case Payload::video:
    case Payload::audio:
      meters_[index_of (medium_of (payload))].add (bytes, size, arrival_us);
      break;
    case Payload::rtx:
      other_.retransmitted++;
      break;
    case Payload::unknown:
      other_.unknown++;
      break;
  }
}

// What a player needs to begin.
void
Peer::look_for_start (std::span<const std::uint8_t> packet, Payload payload,
    std::int64_t arrival_us)
{
  if (state_ != State::waiting)
    return;
  if (payload != Payload::video && payload != Payload::audio)
    return;
  if (!times_.first_packet_us)
    times_.first_packet_us = arrival_us;
  if (payload == Payload::video && !times_.first_keyframe_us) {
    if (auto rtp = parse_rtp (packet))
      for_each_h264_unit (rtp->payload, [&] (unsigned type) {
        if (type == kH264Idr && !times_.first_keyframe_us)
          times_.first_keyframe_us = arrival_us;
      });
  }
  // The packet itself is not in the meters yet.
  for (Media media : kAllMedia) {
    if (accepted_[index_of (media)] && !meters_[index_of (media)].begun ()
        && medium_of (payload) != media)
      return;
  }
  if (accepted_[index_of (Media::video)] && !times_.first_keyframe_us)
    return;
  state_ = State::playing;
  decrypting_ = settings_.full;
}

void
Peer::handle_rtcp (std::span<std::uint8_t> bytes, std::int64_t arrival_us)
{
  SrtpReceiver::Plain plain = receiver_->unprotect_rtcp (bytes);
  if (!plain) {
    other_.refused++;
    return;
  }
  RtcpPackets packets (plain.packet);
  while (auto packet = packets.next ()) {
    if (packet->type == RtcpType::sender_report
        && packet->body.size () >= kRtcpSenderInfo) {
      for (MediaMeter &meter : meters_)
        meter.add_sender_report (be32 (packet->body, 0), be64 (packet->body, 4),
            arrival_us);
    }
  }
}

void
Peer::send_report ()
{
  std::array<transport::ReportBlock, kMediaCount> blocks;
  std::size_t count = 0;
  for (MediaMeter &meter : meters_)
    if (meter.begun ())
      blocks[count++] = meter.report (now_us_);
  std::array<std::uint8_t,
      kMaxReportBytes + transport::native::kMaxRtcpOverhead>
      bytes;
  const std::span<std::uint8_t> whole (bytes);
  transport::RtcpWriter writer (whole.first (kMaxReportBytes));
  writer.receiver_report (ssrc_, std::span (blocks).first (count));
  writer.canonical_name (std::span (&ssrc_, 1), credentials_.ufrag);
  if (writer.size () == 0)
    return;
  const std::size_t size =
      sender_->protect_rtcp (bytes.data (), writer.size ());
  if (size && ice_->selected ())
    socket_.send (*ice_->selected (), whole.first (size));
}

std::int64_t
Peer::deadline_us () const
{
  if (state_ == State::created || state_ == State::ended)
    return INT64_MAX;
  std::int64_t deadline = ice_->deadline_us ();
  if (auto due = dtls_->deadline_us ())
    deadline = std::min (deadline, *due);
  if (sender_)
    deadline = std::min (deadline, report_us_);
  return deadline;
}

void
Peer::on_deadline (std::int64_t now_us)
{
  if (state_ == State::created || state_ == State::ended)
    return;
  now_us_ = now_us;
  if (ice_->nominated () && now_us - ice_->consent_us () > kConsentLimitUs)
    return end ("the server answers no checks any more");
  flush_ice ();
  if (auto due = dtls_->deadline_us (); due && now_us >= *due) {
    dtls_->on_deadline (now_us);
    run_dtls ();
    if (state_ == State::ended)
      return;
  }
  if (sender_ && now_us >= report_us_) {
    report_us_ = now_us + kReportIntervalUs;
    send_report ();
  }
}

void
Peer::close ()
{
  if (state_ == State::created || state_ == State::ended)
    return;
  dtls_->close ();
  if (dtls_started_)
    for (std::span<const std::uint8_t> datagram;
         dtls_->next_datagram (datagram);)
      socket_.send (*ice_->selected (), datagram);
  end ("left");
}

void
Peer::end (std::string reason)
{
  if (state_ == State::ended)
    return;
  state_ = State::ended;
  reason_ = std::move (reason);
}

PeerTotals
Peer::totals () const
{
  PeerTotals totals = other_;
  for (Media media : kAllMedia)
    totals.media[index_of (media)] = meters_[index_of (media)].counts ();
  totals.socket_drops = socket_.dropped ();
  return totals;
}

void
Peer::begin_window ()
{
  window_begin_ = totals ();
  for (MediaMeter &meter : meters_)
    meter.begin_window ();
}

PeerWindow
Peer::window () const
{
  PeerWindow window;
  window.totals = totals () - window_begin_;
  for (Media media : kAllMedia) {
    const MediaMeter &meter = meters_[index_of (media)];
    if (meter.begun ())
      window.jitter_ms[index_of (media)] = meter.jitter_ms ();
  }
  const MediaMeter &clock = meters_[index_of (
      accepted_[index_of (Media::video)] ? Media::video : Media::audio)];
  window.lag_growth_ms = clock.lag_growth_ms ();
  window.delay_spread_ms = clock.delay_spread_ms ();
  if (ice_ && ice_->round_trip_us ())
    window.round_trip_ms = static_cast<double> (ice_->round_trip_us ()) / 1000;
  return window;
}

} // namespace restream::load
