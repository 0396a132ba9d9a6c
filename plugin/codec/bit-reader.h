// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace restream::codec {

// Bits from the highest one of the first byte on. Behind the end they are zero
// and ok() is false: asked for once, after the last read.
// Thread: its owner's.
class BitReader
{
public:
  enum class Escapes
  {
    none = 1,
    nal // a 3 behind two zero bytes is no data (H.264, H.265)
  };
  explicit BitReader (std::span<const std::uint8_t> bytes,
      Escapes escapes = Escapes::none)
      : bytes_ (bytes), escapes_ (escapes)
  {
  }

  bool ok () const { return ok_; }

  std::uint32_t bits (unsigned count) // 32 at most
  {
    std::uint32_t value = 0;
    while (count-- > 0)
      value = value << 1 | next ();
    return value;
  }
  bool flag () { return bits (1) != 0; }
  void skip (unsigned count)
  {
    while (count-- > 0)
      next ();
  }
  // Exp-Golomb, up to 16 bits.
  std::uint32_t ue ()
  {
    unsigned zeros = 0;
    while (ok_ && !flag ()) {
      if (++zeros > 16)
        ok_ = false;
    }
    return ok_ ? (1u << zeros) - 1 + bits (zeros) : 0;
  }

private:
  std::uint32_t next ()
  {
    if (bit_ == 0) {
      if (escapes_ == Escapes::nal && zeros_ >= 2 && at_ < bytes_.size ()
          && bytes_[at_] == 3) {
        at_++;
        zeros_ = 0;
      }
      if (at_ == bytes_.size ()) {
        ok_ = false;
        return 0;
      }
      zeros_ = bytes_[at_] == 0 ? zeros_ + 1 : 0;
      byte_ = bytes_[at_++];
      bit_ = 8;
    }
    return byte_ >> --bit_ & 1u;
  }

  std::span<const std::uint8_t> bytes_;
  Escapes escapes_;
  std::size_t at_ = 0;
  unsigned zeros_ = 0; // bytes of zero in a row
  unsigned bit_ = 0;
  std::uint8_t byte_ = 0;
  bool ok_ = true;
};

} // namespace restream::codec
