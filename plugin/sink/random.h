// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace restream::sink {

// From the kernel's CSPRNG (RFC 3550 8.1 and RFC 8827 ask for unpredictable values).
std::uint32_t random_u32 ();
// bytes of randomness (32 at most), as hexadecimal digits.
std::string random_token (std::size_t bytes);

} // namespace restream::sink
