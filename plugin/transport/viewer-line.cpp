// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/viewer-line.h"

namespace restream::transport {

void
ViewerLine::begin (std::uint64_t first, std::uint64_t sent_to, bool torn,
    const FastForward &forward)
{
  Part part{.first = first,
      .offset = 0,
      .forward = forward,
      .real_from = forward.span ? UINT64_MAX : 0};
  if (begun_) {
    Part &before = parts_[current_];
    before.end = sent_to + before.offset;
    part.first = before.end + torn;
    part.offset = part.first - first;
    current_ ^= 1;
  } else {
    begun_ = true;
    first_ = first;
  }
  parts_[current_] = part;
}

ViewerLine::Stamp
ViewerLine::next (std::uint64_t sequence, std::uint32_t timestamp)
{
  Part &part = parts_[current_];
  if (sequence < part.real_from && part.forward.is_over (timestamp))
    part.real_from = sequence;
  return stamp (part, sequence, timestamp);
}

std::optional<ViewerLine::Origin>
ViewerLine::find (std::uint16_t wire, std::uint64_t sent_to) const
{
  if (!begun_)
    return std::nullopt;
  const Part &now = parts_[current_];
  std::uint64_t end = sent_to + now.offset;
  auto back =
      static_cast<std::uint16_t> (static_cast<std::uint16_t> (end) - wire);
  // Nothing is 2^16 packets old here, nor to come.
  if (back == 0 || back > end)
    return std::nullopt;
  std::uint64_t sequence = end - back;
  if (sequence >= now.first)
    return Origin{sequence - now.offset, current_};
  std::uint8_t other = current_ ^ 1;
  const Part &before = parts_[other];
  if (sequence < before.first || sequence >= before.end)
    return std::nullopt;
  return Origin{sequence - before.offset, other};
}

ViewerLine::Stamp
ViewerLine::again (const Origin &origin, std::uint32_t timestamp) const
{
  return stamp (parts_[origin.part], origin.sequence, timestamp);
}

} // namespace restream::transport
