// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/access/access-rules.h"

#include <algorithm>
#include <iterator>

namespace restream {

namespace {

constexpr unsigned kMaxDepth = 8; // of addresses in addresses

Error
not_allowed ()
{
  return {Code::bad_request, "address is not allowed"};
}

// What FFmpeg reads from devices, servers and graphs has no file's name.
bool
is_device_format (const std::string &format)
{
  static constexpr std::string_view kDevices[] = {"alsa", "pulse", "jack",
      "oss", "sndio", "openal", "x11grab", "xcbgrab", "kmsgrab", "fbdev",
      "v4l2", "video4linux2", "decklink", "libndi_newtek", "iec61883",
      "libdc1394", "dv1394", "libcdio", "caca", "android_camera"};
  return std::find (std::begin (kDevices), std::end (kDevices), format)
      != std::end (kDevices);
}

// Takes "name:" or "name,options,:" off an address of a protocol that reads or writes another one.
bool
strip_wrapper (std::string_view &address)
{
  static constexpr std::string_view kWrappers[] = {"file", "crypto", "async",
      "cache", "md5", "tee", "concat", "concatf", "hls", "data", "subfile",
      "ipfs_gateway", "unix"};
  for (std::string_view name : kWrappers) {
    if (!address.starts_with (name) || address.size () == name.size ())
      continue;
    char next = address[name.size ()];
    if (next == ':') {
      address.remove_prefix (name.size () + 1);
      return true;
    }
    std::size_t colon = address.find (':');
    if ((next == '+' || next == ',') && colon != std::string_view::npos) {
      // "crypto+file:x" → "file:x"; "subfile,,start,0,end,9,,:x" → "x"
      address.remove_prefix (next == '+' ? name.size () + 1 : colon + 1);
      return true;
    }
  }
  return false;
}

std::string
without_escapes (std::string_view text)
{
  std::string plain;
  for (char c : text)
    if (c != '\\' && c != '\'')
      plain += c;
  return plain;
}

} // namespace

std::optional<Confine>
parse_confine (const std::string &text)
{
  if (text == "everything")
    return Confine::everything;
  if (text == "outputs")
    return Confine::outputs;
  if (text == "nothing")
    return Confine::nothing;
  return std::nullopt;
}

Result<AccessRules>
AccessRules::create (const AccessSettings &settings)
{
  auto input = AllowBlock::create (settings.input_allow, settings.input_block);
  if (!input)
    return input.error ();
  auto output =
      AllowBlock::create (settings.output_allow, settings.output_block);
  if (!output)
    return output.error ();
  const std::string &working = settings.working_dir;
  bool confined = settings.confine != Confine::nothing;
  std::vector<std::string> others;
  for (const std::string &folder : settings.other_dirs)
    others.push_back (absolute_path (folder, working));
  PathRules paths (confined ? absolute_path (settings.storage_dir, working)
                            : "/",
      std::move (others), working);
  return AccessRules (*std::move (input), *std::move (output),
      std::move (paths), settings.confine == Confine::everything);
}

Result<void>
AccessRules::check_input (const std::string &address,
    const std::vector<std::string> &options) const
{
  if (has_scheme (address) && is_broken_url (address))
    return Error{Code::bad_request, "not a valid URL"};
  if (!input_.passes (address))
    return not_allowed ();
  if (!confine_)
    return {};
  std::string format = forced_format (options);
  if (format == "lavfi")
    return check_options (
        {"-lavfi", address}, paths_,
        [] (const std::string &) { return Result<void> (); },
        [] (const std::string &) { return Result<void> (); });
  if (is_device_format (format))
    return {};
  std::string_view rest = address;
  for (unsigned depth = 0; strip_wrapper (rest); depth++)
    if (depth == kMaxDepth)
      return not_allowed ();
  if (rest == "-" || rest.starts_with ("pipe:") || rest.starts_with ("fd:"))
    return {};
  if (is_network_scheme (scheme_of (rest))
      && rest.find ("://") != std::string_view::npos
      && rest.find ('|') == std::string_view::npos)
    return {};
  // "concat:a|b"
  std::string list (rest);
  std::size_t from = 0;
  while (from <= list.size ()) {
    std::size_t to = std::min (list.find ('|', from), list.size ());
    std::string_view part = std::string_view (list).substr (from, to - from);
    while (strip_wrapper (part)) {
    }
    if (!is_network_scheme (scheme_of (part)))
      if (auto ok = paths_.check_other (part); !ok)
        return ok;
    from = to + 1;
  }
  return {};
}

Result<void>
AccessRules::check_output (const std::string &address) const
{
  return check_output (address, 0);
}

Result<void>
AccessRules::check_output (std::string_view address, unsigned depth) const
{
  if (depth == kMaxDepth)
    return not_allowed ();
  // The tee muxer's list.
  if (address.find ('|') != std::string_view::npos
      || address.starts_with ('[')) {
    for (std::size_t from = 0; from <= address.size ();) {
      std::size_t to = std::min (address.find ('|', from), address.size ());
      std::string part = without_escapes (address.substr (from, to - from));
      std::string_view inner = part;
      std::size_t options_end =
          inner.starts_with ('[') ? inner.find (']') : std::string_view::npos;
      if (options_end != std::string_view::npos) {
        if (confine_)
          if (auto ok = paths_.check_text (inner.substr (1, options_end - 1));
              !ok)
            return ok;
        inner.remove_prefix (options_end + 1);
      } else if (inner.starts_with ('[')) {
        return not_allowed (); // who knows where they end
      }
      if (auto ok = check_output (inner, depth + 1); !ok)
        return ok;
      from = to + 1;
    }
    return {};
  }
  if (address.starts_with ("file:"))
    address.remove_prefix (5);
  std::string_view scheme = scheme_of (address);
  if (!scheme.empty ()) {
    if (is_broken_url (address))
      return Error{Code::bad_request, "not a valid URL"};
    if (!output_.passes (std::string (address)))
      return not_allowed ();
    if (is_network_scheme (scheme))
      return {};
  } else if (address == "-" || address == "pipe:"
      || address.starts_with ("pipe:")) {
    return {};
  }
  std::string_view inner = address;
  if (strip_wrapper (inner))
    return check_output (inner, depth + 1);
  if (!scheme.empty ())
    return paths_.check_text (address);
  std::string path = paths_.absolute (address);
  if (auto ok = paths_.check_output (path); !ok)
    return ok;
  return output_.passes ("file:" + path) ? Result<void> () : not_allowed ();
}

Result<void>
AccessRules::check_all_options (const std::vector<std::string> &options,
    const std::string &what) const
{
  if (!confine_)
    return {};
  auto ok = check_options (
      options, paths_,
      [this, &options] (const std::string &address) {
        return check_input (address, options);
      },
      [this] (const std::string &address) { return check_output (address); });
  return ok ? ok
            : ok.error ().wrap ("the options for " + what + " are invalid");
}

Result<void>
AccessRules::check (const ProcessConfig &config) const
{
  if (auto ok =
          check_all_options (config.options, "the process '" + config.id + "'");
      !ok)
    return ok;
  for (const ProcessIo &io : config.input) {
    std::string name = "input '#" + config.id + ":" + io.id + "'";
    if (auto ok = check_input (io.address, io.options); !ok)
      return ok.error ().wrap (
          "the address for " + name + " (" + io.address + ") is invalid");
    if (auto ok = check_all_options (io.options, name); !ok)
      return ok;
  }
  for (const ProcessIo &io : config.output) {
    std::string name = "output '#" + config.id + ":" + io.id + "'";
    if (auto ok = check_output (io.address); !ok)
      return ok.error ().wrap ("the address for " + name + " is invalid");
    if (auto ok = check_all_options (io.options, name); !ok)
      return ok;
  }
  return {};
}

} // namespace restream
