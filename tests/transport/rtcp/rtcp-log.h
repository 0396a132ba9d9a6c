// SPDX-License-Identifier: LGPL-2.1-or-later
// Keeps what a compound said, in order.
#pragma once

#include "plugin/transport/rtcp/rtcp-reader.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

struct RtcpLog final : restream::transport::RtcpHandler
{
  using Packet = std::pair<std::uint16_t, std::optional<std::uint32_t>>;

  void on_report (const restream::transport::ReportBlock &report) override
  {
    reports.push_back (report);
  }
  void on_nack (std::uint32_t ssrc, std::uint16_t sequence) override
  {
    nacks.emplace_back (ssrc, sequence);
  }
  void on_pli (std::uint32_t ssrc) override { plis.push_back (ssrc); }
  void on_fir (std::uint32_t ssrc, std::uint8_t number) override
  {
    firs.emplace_back (ssrc, number);
  }
  void on_remb (std::uint64_t bits_per_second) override
  {
    rembs.push_back (bits_per_second);
  }
  void on_transport_feedback (
      const restream::transport::TransportFeedback &f) override
  {
    feedbacks.push_back (f);
    open++;
  }
  void on_transport_packet (std::uint16_t sequence,
      std::optional<std::uint32_t> arrival) override
  {
    packets.emplace_back (sequence, arrival);
  }
  void on_transport_feedback_end () override { open--; }
  void on_bye (std::uint32_t ssrc) override { byes.push_back (ssrc); }

  std::vector<restream::transport::ReportBlock> reports;
  std::vector<std::pair<std::uint32_t, std::uint16_t>> nacks;
  std::vector<std::uint32_t> plis;
  std::vector<std::pair<std::uint32_t, std::uint8_t>> firs;
  std::vector<std::uint64_t> rembs;
  std::vector<restream::transport::TransportFeedback> feedbacks;
  std::vector<Packet> packets;
  std::vector<std::uint32_t> byes;
  int open = 0;
};
