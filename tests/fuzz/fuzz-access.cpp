// SPDX-License-Identifier: LGPL-2.1-or-later
// Addresses and options as a client sends them, and what FFmpeg may be given of them: a line each, the first two are the
// input's and the output's address.
#include "controller/access/access-rules.h"

#include <glib.h>

#include <algorithm>

using namespace restream;

namespace {

constexpr char kStorage[] = "/core/data";

AccessRules
make_rules ()
{
  AccessSettings settings;
  settings.storage_dir = kStorage;
  settings.working_dir = "/core";
  settings.other_dirs = {"/usr/share/fonts"};
  auto rules = AccessRules::create (settings);
  g_assert_true (rules.has_value ());
  return *std::move (rules);
}

// Neither protocol, option, pattern nor list: the name of a file and nothing else.
bool
is_plain_file (const std::string &address)
{
  return !address.empty () && address[0] != '-'
      && std::all_of (address.begin (), address.end (), [] (char c) {
           return g_ascii_isalnum (c) || c == '.' || c == '_' || c == '/';
         });
}

bool
is_below (const std::string &path, const std::string &folder)
{
  return path == folder || path.starts_with (folder + "/");
}

// By GLib's reading of paths, not ours.
std::string
resolved (const std::string &address)
{
  char *path = g_canonicalize_filename (address.c_str (), "/core");
  std::string text = path;
  g_free (path);
  // On Linux two slashes are as good as one.
  return text.starts_with ("//") ? text.substr (1) : text;
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput (const std::uint8_t *data, std::size_t size)
{
  static const AccessRules rules = make_rules ();
  std::vector<std::string> lines (1);
  for (std::size_t i = 0; i < size; i++) {
    if (data[i] == '\n')
      lines.emplace_back ();
    else if (
        data[i]) // JSON's strings have none; the configuration's parser sees to it
      lines.back () += static_cast<char> (data[i]);
  }
  lines.resize (std::max<std::size_t> (lines.size (), 2));
  const std::string &input = lines[0], &output = lines[1];
  const std::vector<std::string> options (lines.begin () + 2, lines.end ());

  if (rules.check_output (output) && is_plain_file (output)) {
    const std::string path = resolved (output);
    g_assert_true (is_below (path, kStorage) || is_below (path, "/dev"));
  }
  if (rules.check_input (input, options) && is_plain_file (input)
      && options.empty ()) {
    const std::string path = resolved (input);
    g_assert_true (is_below (path, kStorage) || is_below (path, "/dev")
        || is_below (path, "/usr/share/fonts"));
  }
  ProcessConfig config;
  config.id = "fuzz";
  config.input = {
      {.id = "i", .address = input, .options = options, .cleanup = {}}};
  config.output = {
      {.id = "o", .address = output, .options = options, .cleanup = {}}};
  config.options = options;
  // What passes as a whole passes in each of its parts.
  if (rules.check (config)) {
    g_assert_true (rules.check_output (output).has_value ());
    g_assert_true (rules.check_input (input, options).has_value ());
  }
  return 0;
}
