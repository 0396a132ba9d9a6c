// SPDX-License-Identifier: LGPL-2.1-or-later
// Small, strict readers for the words of SDP. Everything is ASCII and
// independent of the locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace restream::negotiation {

// The words between single or repeated separators; empty ones are dropped.
std::vector<std::string_view> split (std::string_view text, char separator);
// Takes what precedes the separator off text (all of it, when there is none).
std::string_view take_until (std::string_view &text, char separator);
std::string_view trim (std::string_view text);

// Digits only, no sign, no more than max.
std::optional<std::uint64_t> parse_uint (std::string_view text,
    std::uint64_t max);
int hex_digit (char c); // -1 = none
bool equal_nocase (std::string_view a, std::string_view b);
std::string to_lower (std::string_view text);
std::string to_upper (std::string_view text);

bool is_token (std::string_view text); // RFC 8866 token
bool is_ice_chars (std::string_view text); // RFC 8839 ice-char
// For messages: what came from outside, cut to a sane length and quoted.
std::string quote (std::string_view text);

} // namespace restream::negotiation
