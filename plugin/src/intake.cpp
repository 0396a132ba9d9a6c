// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/intake.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace restream::src {

namespace {
// A report that no packet followed within this time tells nothing any more.
constexpr std::int64_t kEarlyReportLife_us = 10'000'000;
} // namespace

bool
is_loopback (const sockaddr_storage &source)
{
  if (source.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy (&in, &source, sizeof in);
    return ntohl (in.sin_addr.s_addr) >> 24 == 127;
  }
  if (source.ss_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy (&in6, &source, sizeof in6);
    return IN6_IS_ADDR_LOOPBACK (&in6.sin6_addr);
  }
  return false;
}

void
Intake::reset (
    const std::array<std::optional<std::uint8_t>, kMediaCount> &payload_types)
{
  for (Media m : kAllMedia) {
    of (m).guard = {};
    of (m).fixed_payload_type = payload_types[index_of (m)];
    of (m).payload_type = payload_types[index_of (m)];
  }
  early_ = {};
}

void
Intake::release (std::int64_t now_us)
{
  for (Media m : kAllMedia)
    of (m).guard.release (now_us);
}

Intake::Outcome
Intake::receive (Media port, std::span<const std::uint8_t> datagram,
    const sockaddr_storage &source, std::int64_t now_us,
    std::uint64_t arrival_ns, std::int64_t takeover_us)
{
  Medium &medium = of (port);
  const auto dropped = [&medium] (Drop why) {
    medium.counters.drop (why);
    return Outcome{};
  };

  if (!is_loopback (source))
    return dropped (Drop::not_loopback);
  if (is_rtcp (datagram))
    return receive_rtcp (port, datagram, now_us, arrival_ns);
  const auto packet = parse_rtp (datagram);
  if (!packet)
    return dropped (Drop::malformed);
  if (medium.fixed_payload_type
      && *medium.fixed_payload_type != packet->payload_type)
    return dropped (Drop::other_payload);

  const bool first = !medium.guard.holder ();
  const auto verdict = medium.guard.admit (packet->ssrc, now_us, takeover_us);
  if (verdict == SsrcGuard::Verdict::refused)
    return dropped (Drop::other_ssrc);
  Outcome outcome;
  if (verdict == SsrcGuard::Verdict::taken) {
    medium.payload_type = packet->payload_type;
    if (!first)
      medium.counters.takeovers.add ();
    outcome.new_sender = true;
    outcome.reports = {reports_.data (),
        take_early (port, packet->ssrc, now_us)};
  } else if (medium.payload_type != packet->payload_type) {
    return dropped (Drop::other_payload);
  }
  medium.counters.packets.add ();
  medium.counters.bytes.add (datagram.size ());
  outcome.kind = Outcome::Kind::media;
  outcome.packet = *packet;
  return outcome;
}

Intake::Outcome
Intake::receive_rtcp (Media port, std::span<const std::uint8_t> datagram,
    std::int64_t now_us, std::uint64_t arrival_ns)
{
  const auto contents = parse_rtcp (datagram);
  if (!contents) {
    of (port).counters.drop (Drop::malformed_rtcp);
    return {};
  }
  std::size_t count = 0;
  for (const SenderReport &sender : contents->reports ()) {
    if (const auto media = owner_of (sender.ssrc, port)) {
      of (*media).counters.sender_reports.add ();
      reports_[count++] = {*media, sender, arrival_ns};
    } else {
      keep_early (sender, arrival_ns, now_us);
    }
  }
  for (const std::uint32_t ssrc : contents->byes ()) {
    if (const auto media = owner_of (ssrc, port)) {
      of (*media).counters.byes.add ();
      of (*media).guard.release (now_us);
    }
  }
  Outcome outcome;
  outcome.kind = Outcome::Kind::control;
  outcome.reports = {reports_.data (), count};
  return outcome;
}

// By SSRC, because FFmpeg's rtp:// sends the video's RTCP to the audio's port.
std::optional<Media>
Intake::owner_of (std::uint32_t ssrc, Media port) const
{
  if (of (port).guard.holder () == ssrc)
    return port;
  for (Media m : kAllMedia)
    if (of (m).guard.holder () == ssrc)
      return m;
  return std::nullopt;
}

void
Intake::keep_early (const SenderReport &sender, std::uint64_t arrival_ns,
    std::int64_t now_us)
{
  // The same SSRC's, else a free one, else the oldest.
  auto slot = std::ranges::find_if (early_, [&sender] (const Early &e) {
    return e.used && e.sender.ssrc == sender.ssrc;
  });
  if (slot == early_.end ())
    slot = std::ranges::find (early_, false, &Early::used);
  if (slot == early_.end ())
    slot = std::ranges::min_element (early_, {}, &Early::at_us);
  *slot = {sender, arrival_ns, now_us, true};
}

std::size_t
Intake::take_early (Media media, std::uint32_t ssrc, std::int64_t now_us)
{
  for (Early &early : early_) {
    if (!early.used || early.sender.ssrc != ssrc)
      continue;
    early.used = false;
    if (now_us - early.at_us > kEarlyReportLife_us)
      continue;
    of (media).counters.sender_reports.add ();
    reports_[0] = {media, early.sender, early.arrival_ns};
    return 1;
  }
  return 0;
}

} // namespace restream::src
