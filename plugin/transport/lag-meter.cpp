// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/lag-meter.h"

namespace restream::transport {

std::uint64_t
LagMeter::lag_ns (std::uint64_t queued, std::uint64_t now_ns)
{
  std::uint64_t taken = queued < total_ ? total_ - queued : 0;
  while (count_ > 0 && marks_[first_].upto <= taken) {
    first_ = (first_ + 1) % marks_.size ();
    count_--;
  }
  if (count_ == 0 || now_ns < marks_[first_].at_ns)
    return 0;
  return now_ns - marks_[first_].at_ns;
}

void
LagMeter::pushed (std::uint64_t packets, std::uint64_t now_ns)
{
  total_ += packets;
  if (count_ > 0) {
    Mark &newest = marks_[(first_ + count_ - 1) % marks_.size ()];
    if (now_ns < newest.at_ns + kStepNs || count_ == marks_.size ()) {
      newest.upto = total_;
      return;
    }
  }
  marks_[(first_ + count_) % marks_.size ()] = {total_, now_ns};
  count_++;
}

} // namespace restream::transport
