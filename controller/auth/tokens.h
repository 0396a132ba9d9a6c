// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace restream {

enum class TokenUse
{
  access = 1, // for ten minutes
  refresh // for a day: gets new ones of the first kind
};

// Signed JSON Web Tokens (HS256) for one user, as the process API's clients expect them. Pure but for
// the random ids.
class Tokens
{
public:
  static constexpr std::size_t kMaxBytes = 4096;

  Tokens (std::string user, std::string key)
      : user_ (std::move (user)), key_ (std::move (key))
  {
  }
  Result<std::string> issue (TokenUse use, std::int64_t now_s) const;
  // Is it one of ours, for this use, and still valid?
  bool accepts (std::string_view token, TokenUse use, std::int64_t now_s) const;

private:
  const std::string user_, key_;
};

} // namespace restream
