// SPDX-License-Identifier: LGPL-2.1-or-later
// A server's answer to our offer. Nothing in it is trusted. Pure.
#pragma once

#include "common/media.h"
#include "common/result.h"
#include "plugin/negotiation/plan.h"
#include "plugin/transport/native/io/address.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace restream::load {

// What an RTP payload type stands for.
enum class Payload : std::uint8_t
{
  unknown = 0,
  video,
  audio,
  rtx
};

struct Answer
{
  // Further ones than so many are ignored.
  static constexpr std::size_t kMaxCandidates = 16;

  std::array<bool, kMediaCount> accepted{};
  std::array<Payload, 128> payloads{};
  std::string ufrag;
  std::string pwd;
  std::vector<negotiation::Fingerprint> fingerprints;
  bool we_are_dtls_client = false;
  // UDP, the server's preference first, each once.
  std::vector<transport::native::Address> candidates;

  bool has (Media media) const { return accepted[index_of (media)]; }
};

// Errors: too_large, bad_request (malformed, or not an answer to our offer),
// not_acceptable (it gives us nothing), unprocessable (we cannot reach it).
Result<Answer> read_answer (std::string_view text);

} // namespace restream::load
