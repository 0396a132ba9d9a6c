// SPDX-License-Identifier: LGPL-2.1-or-later
// The offer as plain data: syntax checked and bounded, meaning not looked into.
#pragma once

#include "common/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace restream::negotiation {

inline constexpr std::size_t kMaxLineBytes = 4096;

struct Attribute
{
  std::string name;
  std::string value; // without surrounding blanks
};

class Attributes
{
public:
  void add (std::string_view name, std::string_view value);
  bool has (std::string_view name) const { return find (name) != nullptr; }
  // The first one's value, or null.
  const std::string *find (std::string_view name) const;
  std::vector<std::string_view> all (std::string_view name) const;
  const std::vector<Attribute> &list () const { return list_; }

private:
  std::vector<Attribute> list_;
};

struct OfferedSection
{
  std::string media;
  unsigned port = 0;
  std::string protocol;
  std::vector<std::string> formats;
  Attributes attributes;
};

struct Offer
{
  Attributes attributes;
  std::vector<OfferedSection> sections;
};

// what it is called in messages: an answer has the same form. Errors: too_large,
// bad_request.
Result<Offer> parse_offer (std::string_view text,
    std::string_view what = "offer");

} // namespace restream::negotiation
