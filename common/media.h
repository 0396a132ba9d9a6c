// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>

namespace restream {

// The two media of a stream. Also an index into std::array<…, kMediaCount>.
enum class Media
{
  video = 0,
  audio = 1
};

inline constexpr std::size_t kMediaCount = 2;
inline constexpr Media kAllMedia[] = {Media::video, Media::audio};

constexpr std::size_t
index_of (Media media)
{
  return static_cast<std::size_t> (media);
}

constexpr const char *
name_of (Media media)
{
  return media == Media::video ? "video" : "audio";
}

} // namespace restream
