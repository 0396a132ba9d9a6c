// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/access/option-rules.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace restream {

namespace {

template <std::size_t N>
bool
is_one_of (std::string_view word, const std::string_view (&list)[N])
{
  return std::find (std::begin (list), std::end (list), word)
      != std::end (list);
}

// FFmpeg's options without a value, of versions 4 to 8; each also with "no" before it.
constexpr std::string_view kWithoutValue[] = {"y", "n", "re", "vn", "an", "sn",
    "dn", "hide_banner", "stdin", "shortest", "copyts", "start_at_zero",
    "stats", "accurate_seek", "seek_timestamp", "autorotate", "autoscale",
    "copyinkf", "xerror", "ignore_unknown", "copy_unknown", "debug_ts",
    "benchmark", "benchmark_all", "dump", "hex", "vstats", "find_stream_info",
    "bitexact", "intra", "psnr", "qphist", "deinterlace", "fix_sub_duration",
    "fix_sub_duration_heartbeat", "recast_media", "display_hflip",
    "display_vflip", "auto_conversion_filters", "print_graphs"};

// Their value is the name of a file that FFmpeg writes or reads.
constexpr std::string_view kFile[] = {"progress", "vstats_file", "passlogfile",
    "filter_script", "filter_complex_script", "attach", "dump_attachment",
    "sdp_file", "stats_enc_pre", "stats_enc_post", "stats_mux_pre",
    "print_graphs_file", "fpre", "vpre", "apre", "spre", "pre",
    "hls_segment_filename", "hls_key_info_file", "hls_fmp4_init_filename",
    "master_pl_name", "segment_list", "segment_header_filename",
    "init_seg_name", "media_seg_name", "single_file_name", "cert_file",
    "key_file", "ca_file", "cafile", "private_key_file"};

// Their value is text for somebody else.
constexpr std::string_view kText[] = {"headers", "user_agent", "referer",
    "cookies", "metadata", "rtmp_app", "rtmp_conn", "rtmp_pageurl",
    "rtmp_playpath", "rtmp_swfurl", "rtmp_tcurl", "streamid", "passphrase"};

// They take FFmpeg's own safeguards away, or write where nobody has said.
constexpr std::string_view kRefused[] = {"report", "safe"};

// In filter graphs: filters and keys whose value is a file.
constexpr std::string_view kFilterFile[] = {"movie", "amovie", "f", "filename",
    "file", "textfile", "fontfile", "fontsdir", "subtitles", "ass", "lut3d",
    "lut1d", "stats_file", "log_path", "removelogo", "sofa", "result", "input",
    "psfile", "model"};

constexpr std::string_view kFilterOptions[] = {"vf", "af", "filter",
    "filter_complex", "lavfi", "bsf"};

Error
refused (const std::string &option, const std::string &why)
{
  return {Code::bad_request, option + ": " + why};
}

// "-name:specifier" → "name".
std::string_view
option_name (const std::string &option)
{
  std::string_view name = std::string_view (option).substr (1);
  // FFmpeg takes both.
  if (name.starts_with ('-'))
    name.remove_prefix (1);
  return name.substr (0, name.find (':'));
}

bool
is_without_value (std::string_view name)
{
  if (is_one_of (name, kWithoutValue))
    return true;
  return name.starts_with ("no") && is_one_of (name.substr (2), kWithoutValue);
}

// Relative names of files in a graph: "movie=x", "textfile=x".
Result<void>
check_graph (std::string_view raw, const PathRules &paths)
{
  std::string text;
  for (char c : raw)
    if (c != '\\' && c != '\'')
      text += c;
  for (std::size_t equals = text.find ('='); equals != std::string::npos;
       equals = text.find ('=', equals + 1)) {
    std::size_t from = equals;
    while (
        from > 0 && (g_ascii_isalnum (text[from - 1]) || text[from - 1] == '_'))
      from--;
    std::string_view key = std::string_view (text).substr (from, equals - from);
    if (!is_one_of (key, kFilterFile))
      continue;
    std::size_t end =
        std::min (text.find_first_of (":,;[]@", equals + 1), text.size ());
    std::string_view value =
        std::string_view (text).substr (equals + 1, end - equals - 1);
    bool url = end < text.size () && text.compare (end, 3, "://") == 0
        && is_network_scheme (value);
    // Others have keys of these names too, for words.
    if (!url && value.find_first_of ("./") != std::string_view::npos)
      if (auto ok = paths.check_other (value); !ok)
        return ok;
  }
  return {};
}

// The address that a file option names: a file, unless it says otherwise.
Result<void>
check_file (std::string_view value, const PathRules &paths)
{
  if (value == "-" || value.starts_with ("pipe:"))
    return {};
  if (value.starts_with ("file:"))
    value.remove_prefix (5);
  std::string_view scheme = scheme_of (value);
  if (!scheme.empty ())
    return is_network_scheme (scheme) ? Result<void> ()
                                      : paths.check_text (value);
  return paths.check_other (value);
}

Result<void>
check_value (const std::string &option, std::string_view name,
    const std::string &value, const PathRules &paths)
{
  if (is_one_of (name, kFile))
    if (auto ok = check_file (value, paths); !ok)
      return refused (option, ok.error ().what);
  if (is_one_of (name, kFilterOptions))
    if (auto ok = check_graph (value, paths); !ok)
      return refused (option, ok.error ().what);
  if (auto ok = paths.check_text (value); !ok)
    return refused (option, ok.error ().what);
  return {};
}

} // namespace

Result<void>
check_options (const std::vector<std::string> &options, const PathRules &paths,
    const std::function<Result<void> (const std::string &)> &check_input,
    const std::function<Result<void> (const std::string &)> &check_output)
{
  for (std::size_t i = 0; i < options.size (); i++) {
    const std::string &option = options[i];
    if (option.size () < 2 || option[0] != '-') { // for FFmpeg an output
      if (auto ok = check_output (option); !ok)
        return refused ("'" + option + "' is an output", ok.error ().what);
      continue;
    }
    std::string_view name = option_name (option);
    if (name.empty ())
      return refused (option, "not accepted");
    if (name[0] == '/')
      return refused (option, "options from files are not accepted");
    bool as_it_is =
        name == "safe" && i + 1 < options.size () && options[i + 1] == "1";
    if (is_one_of (name, kRefused) && !as_it_is)
      return refused (option, "not accepted");
    if (is_without_value (name) || is_one_of (name, kText)) {
      i += is_one_of (name, kText);
      continue;
    }
    if (++i == options.size ())
      return {}; // FFmpeg will complain
    const std::string &value = options[i];
    if (name == "i") {
      if (auto ok = check_input (value); !ok)
        return refused (option, ok.error ().what);
      continue;
    }
    if (auto ok = check_value (option, name, value, paths); !ok)
      return ok;
  }
  return {};
}

std::string
forced_format (const std::vector<std::string> &options)
{
  std::string format;
  for (std::size_t i = 0; i + 1 < options.size (); i++)
    if (options[i] == "-f" || options[i] == "--f")
      format = options[i + 1];
  return format;
}

} // namespace restream
