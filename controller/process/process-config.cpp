// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/process-config.h"

#include "controller/process/rtp-legs.h"
#include "plugin/whep/bearer.h"

#include <algorithm>
#include <set>
#include <sys/random.h>

namespace restream {

namespace {

constexpr std::size_t kMaxListLength = 1024;
constexpr std::size_t kMaxOptions = 10000; // FFmpeg's words, of one place
constexpr std::size_t kMaxMapLength = 256;
constexpr std::uint64_t kMaxSeconds = 10ull * 365 * 24 * 3600;

Error
bad (std::string what)
{
  return {Code::bad_request, std::move (what)};
}

// Runs the readers until one fails.
#define TRY(expression)                      \
  if (auto result_ = (expression); !result_) \
  return result_.error ()

Result<void>
read_payload_type (const JsonReader &reader, const char *name, unsigned &target)
{
  std::uint64_t number = target;
  TRY (reader.get (name, number));
  if (number != 0 && (number < 96 || number > 127))
    return bad (reader.path_of (name) + ": 0 or 96 to 127 expected");
  target = unsigned (number);
  return {};
}

Result<void>
read_seconds (const JsonReader &reader, const char *name, std::uint64_t &target)
{
  TRY (reader.get (name, target));
  if (target > kMaxSeconds)
    return bad (reader.path_of (name) + ": too many seconds");
  return {};
}

// Of strings; null in it keeps what is at its place.
Result<void>
merge_options (const JsonReader &reader, std::vector<std::string> &options)
{
  if (reader.is_null ("options"))
    options.clear ();
  auto list = reader.array ("options");
  if (!list)
    return list.error ();
  if (!*list)
    return {};
  guint count = json_array_get_length (*list);
  if (count > kMaxOptions)
    return bad (reader.path_of ("options") + ": too long");
  options.resize (count);
  for (guint i = 0; i < count; i++) {
    JsonNode *node = json_array_get_element (*list, i);
    if (JSON_NODE_HOLDS_NULL (node))
      continue;
    if (json_node_get_value_type (node) != G_TYPE_STRING)
      return bad (reader.path_of ("options") + ": list of strings expected");
    options[i] = json_node_get_string (node);
  }
  return {};
}

Result<void>
merge_cleanup (const JsonReader &io, std::vector<CleanupRule> &rules)
{
  if (io.is_null ("cleanup"))
    rules.clear ();
  auto list = io.array ("cleanup");
  if (!list)
    return list.error ();
  if (!*list)
    return {};
  guint count = json_array_get_length (*list);
  if (count > kMaxListLength)
    return bad (io.path_of ("cleanup") + ": too long");
  rules.resize (count);
  for (guint i = 0; i < count; i++) {
    JsonNode *node = json_array_get_element (*list, i);
    std::string path = io.path_of ("cleanup") + "[" + std::to_string (i) + "]";
    if (JSON_NODE_HOLDS_NULL (node))
      continue;
    if (!JSON_NODE_HOLDS_OBJECT (node))
      return bad (path + ": object expected");
    JsonReader reader (json_node_get_object (node), path);
    TRY (reader.get ("pattern", rules[i].pattern));
    TRY (reader.get ("max_files", rules[i].max_files));
    TRY (reader.get ("max_file_age_seconds", rules[i].max_file_age_s));
    TRY (reader.get ("purge_on_delete", rules[i].purge_on_delete));
  }
  return {};
}

Result<void>
merge_io (const JsonReader &parent, const char *name, bool output,
    std::vector<ProcessIo> &ios)
{
  if (parent.is_null (name))
    ios.clear ();
  auto list = parent.array (name);
  if (!list)
    return list.error ();
  if (!*list)
    return {};
  guint count = json_array_get_length (*list);
  if (count > kMaxListLength)
    return bad (parent.path_of (name) + ": too long");
  ios.resize (count);
  for (guint i = 0; i < count; i++) {
    JsonNode *node = json_array_get_element (*list, i);
    std::string path = parent.path_of (name) + "[" + std::to_string (i) + "]";
    if (JSON_NODE_HOLDS_NULL (node))
      continue;
    if (!JSON_NODE_HOLDS_OBJECT (node))
      return bad (path + ": object expected");
    JsonReader reader (json_node_get_object (node), path);
    TRY (reader.get ("id", ios[i].id));
    TRY (reader.get ("address", ios[i].address));
    TRY (merge_options (reader, ios[i].options));
    if (output)
      TRY (merge_cleanup (reader, ios[i].cleanup));
  }
  return {};
}

Result<void>
read_codec (const JsonReader &reader, Media media, const char *name,
    std::string &target)
{
  TRY (reader.get (name, target));
  if (!target.empty () && !find_leg_codec (media, target))
    return bad (
        reader.path_of (name) + ": " + leg_codec_names (media) + " expected");
  return {};
}

Result<void>
merge_webrtc (JsonObject *object, WebrtcOptions &webrtc)
{
  JsonReader reader (object, "webrtc");
  TRY (reader.get ("enabled", webrtc.enabled));
  TRY (read_payload_type (reader, "video_pt", webrtc.video_pt));
  TRY (read_payload_type (reader, "audio_pt", webrtc.audio_pt));
  TRY (reader.get ("video_map", webrtc.video_map));
  TRY (reader.get ("audio_map", webrtc.audio_map));
  TRY (read_codec (reader, Media::video, "video_codec", webrtc.video_codec));
  TRY (read_codec (reader, Media::audio, "audio_codec", webrtc.audio_codec));
  TRY (reader.get ("force_transcode", webrtc.force_transcode));
  TRY (reader.get ("transport", webrtc.transport));
  if (!webrtc.transport.empty () && webrtc.transport != "native"
      && webrtc.transport != "webrtcbin")
    return bad ("webrtc.transport: native or webrtcbin expected");
  TRY (reader.get ("token", webrtc.token));
  if (!webrtc.token.empty () && !whep::is_bearer_token (webrtc.token))
    return bad ("webrtc.token: letters, digits and -._~+/ expected");
  return {};
}

Result<void>
validate_io (const char *kind, const std::vector<ProcessIo> &ios,
    const std::string &process)
{
  std::set<std::string> ids;
  for (const ProcessIo &io : ios) {
    if (io.id.empty ())
      return bad (std::string ("empty ") + kind
          + " IDs are not allowed (process '" + process + "')");
    if (!ids.insert (io.id).second)
      return bad (std::string ("the ") + kind + " ID '" + io.id
          + "' is already in use for the process `" + process + "`");
    if (io.address.empty ())
      return bad (std::string ("the address for ") + kind + " '#" + process
          + ":" + io.id + "' must not be empty");
  }
  return {};
}

// A map is an argument of its own: no shell, no quoting. It only must not be
// taken for an option.
Result<void>
validate_map (const char *name, const std::string &map)
{
  if (map.size () > kMaxMapLength || (!map.empty () && map[0] == '-')
      || !std::all_of (map.begin (), map.end (),
          [] (char c) { return g_ascii_isgraph (c); }))
    return bad (std::string ("webrtc.") + name + ": not a stream specifier");
  return {};
}

void
write_io (JsonWriter &json, const char *name, const std::vector<ProcessIo> &ios)
{
  json.key (name).begin_array ();
  for (const ProcessIo &io : ios) {
    json.begin_object ();
    json.member ("id", io.id)
        .member ("address", io.address)
        .member ("options", io.options);
    if (!io.cleanup.empty ())
      write_cleanup (json, io.cleanup);
    json.end_object ();
  }
  json.end_array ();
}

} // namespace

void
write_cleanup (JsonWriter &json, const std::vector<CleanupRule> &rules)
{
  json.key ("cleanup").begin_array ();
  for (const CleanupRule &rule : rules)
    json.begin_object ()
        .member ("pattern", rule.pattern)
        .member ("max_files", rule.max_files)
        .member ("max_file_age_seconds", rule.max_file_age_s)
        .member ("purge_on_delete", rule.purge_on_delete)
        .end_object ();
  json.end_array ();
}

Result<void>
ProcessConfig::merge (JsonObject *object)
{
  JsonReader reader (object, "");
  TRY (reader.get ("id", id));
  TRY (reader.get ("type", type));
  TRY (reader.get ("reference", reference));
  TRY (merge_io (reader, "input", false, input));
  TRY (merge_io (reader, "output", true, output));
  TRY (merge_options (reader, options));
  TRY (reader.get ("reconnect", reconnect));
  TRY (read_seconds (reader, "reconnect_delay_seconds", reconnect_delay_s));
  TRY (reader.get ("autostart", autostart));
  TRY (read_seconds (reader, "stale_timeout_seconds", stale_timeout_s));
  auto limit = reader.object ("limits");
  if (!limit)
    return limit.error ();
  if (*limit) {
    JsonReader inner (*limit, "limits");
    TRY (inner.get ("cpu_usage", limits.cpu_usage));
    TRY (inner.get ("memory_mbytes", limits.memory_mbytes));
    TRY (read_seconds (inner, "waitfor_seconds", limits.waitfor_s));
  }
  auto rtc = reader.object ("webrtc");
  if (!rtc)
    return rtc.error ();
  if (*rtc)
    TRY (merge_webrtc (*rtc, webrtc));
  return {};
}

void
ProcessConfig::fill_ids ()
{
  if (id.empty ())
    id = make_short_id ();
  for (auto *ios : {&input, &output})
    for (ProcessIo &io : *ios)
      if (io.id.empty ())
        io.id = make_short_id ();
}

Result<void>
ProcessConfig::validate () const
{
  if (id.find_first_not_of (" \t\r\n") == std::string::npos)
    return bad ("an empty ID is not allowed");
  if (id == "." || id == "..") // no URL path reaches these
    return bad ("the ID '" + id + "' is not allowed");
  if (id.size () > kMaxIdLength)
    return bad ("the ID is too long");
  if (input.empty ())
    return bad (
        "at least one input must be defined for the process '" + id + "'");
  if (output.empty ())
    return bad (
        "at least one output must be defined for the process '#" + id + "'");
  TRY (validate_io ("input", input, id));
  TRY (validate_io ("output", output, id));
  TRY (validate_map ("video_map", webrtc.video_map));
  TRY (validate_map ("audio_map", webrtc.audio_map));
  if (webrtc.enabled && !webrtc.has_video () && !webrtc.has_audio ())
    return bad ("webrtc: neither video nor audio");
  unsigned video = webrtc.video_pt ? webrtc.video_pt : kDefaultVideoPt;
  unsigned audio = webrtc.audio_pt ? webrtc.audio_pt : kDefaultAudioPt;
  if (webrtc.has_video () && webrtc.has_audio () && video == audio)
    return bad ("webrtc: video_pt and audio_pt are the same");
  return {};
}

void
WebrtcOptions::write (JsonWriter &json, Secrets secrets) const
{
  json.begin_object ()
      .member ("enabled", enabled)
      .member ("video_pt", video_pt)
      .member ("audio_pt", audio_pt)
      .member ("video_map", video_map)
      .member ("audio_map", audio_map)
      .member ("force_transcode", force_transcode)
      .member ("transport", transport)
      .member ("video_codec", video_codec)
      .member ("audio_codec", audio_codec);
  if (secrets == Secrets::shown)
    json.member ("token", token);
  json.end_object ();
}

void
ProcessConfig::write (JsonWriter &json) const
{
  json.begin_object ();
  json.member ("id", id).member ("type", type).member ("reference", reference);
  write_io (json, "input", input);
  write_io (json, "output", output);
  json.member ("options", options)
      .member ("reconnect", reconnect)
      .member ("reconnect_delay_seconds", reconnect_delay_s)
      .member ("autostart", autostart)
      .member ("stale_timeout_seconds", stale_timeout_s);
  json.key ("limits")
      .begin_object ()
      .key ("cpu_usage")
      .exact (limits.cpu_usage)
      .member ("memory_mbytes", limits.memory_mbytes)
      .member ("waitfor_seconds", limits.waitfor_s)
      .end_object ();
  json.key ("webrtc");
  webrtc.write (json, Secrets::hidden);
  json.end_object ();
}

std::vector<std::string>
ProcessConfig::input_arguments () const
{
  std::vector<std::string> argv = options;
  for (const ProcessIo &io : input) {
    argv.insert (argv.end (), io.options.begin (), io.options.end ());
    argv.push_back ("-i");
    argv.push_back (io.address);
  }
  return argv;
}

std::vector<std::string>
ProcessConfig::arguments () const
{
  std::vector<std::string> argv = input_arguments ();
  for (const ProcessIo &io : output) {
    argv.insert (argv.end (), io.options.begin (), io.options.end ());
    argv.push_back (io.address);
  }
  return argv;
}

std::string
make_short_id ()
{
  static constexpr char kAlphabet[] =
      "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  constexpr unsigned kSymbols = sizeof kAlphabet - 1;
  constexpr unsigned kUnbiased = 256 - 256 % kSymbols;
  std::string id;
  while (id.size () < 22) {
    unsigned char random[32];
    if (getrandom (random, sizeof random, 0) != ssize_t (sizeof random))
      continue; // interrupted
    for (unsigned char byte : random)
      if (byte < kUnbiased && id.size () < 22)
        id += kAlphabet[byte % kSymbols];
  }
  return id;
}

} // namespace restream
