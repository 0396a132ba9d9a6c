// SPDX-License-Identifier: LGPL-2.1-or-later
// The settings there are: one table, from which files, environment and API are read and written, and
// docs/configuration.md is made.
#pragma once

#include "controller/config/config.h"

#include <span>
#include <variant>

namespace restream {

using Member = std::variant<std::string Config::*, bool Config::*,
    std::uint64_t Config::*, std::vector<std::string> Config::*>;
// Says what is wrong with a text value, "" if nothing.
using TextCheck = std::string (*) (const std::string &);

struct Setting
{
  const char *name; // in the file: nested objects, here with dots
  const char *env;
  Member member;
  const char *doc;
  std::uint64_t max = 0; // of numbers; 0 = 2^53
  TextCheck check = nullptr;
};

std::span<const Setting> all_settings ();
// Is it a list of patterns, which may have commas in them?
bool is_pattern_list (const Setting &setting);
// Is it what the daemon is built with at its start?
bool is_fixed (const Setting &setting);

template <typename... F> struct Overloaded : F...
{
  using F::operator()...;
};
template <typename... F> Overloaded (F...) -> Overloaded<F...>;

} // namespace restream
