// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/json.h"

#include <cstdint>
#include <string>
#include <vector>

namespace restream {

inline constexpr std::size_t kMaxIdLength = 1024;
inline constexpr unsigned kDefaultVideoPt = 102;
inline constexpr unsigned kDefaultAudioPt = 111;
// The word in a map that leaves a leg out.
inline constexpr const char *kNoLeg = "none";

struct CleanupRule
{
  std::string pattern;
  std::uint64_t max_files = 0;
  std::uint64_t max_file_age_s = 0;
  bool purge_on_delete = false;
  bool operator== (const CleanupRule &) const = default;
};

// The member "cleanup", as the API and the state file have it.
void write_cleanup (JsonWriter &json, const std::vector<CleanupRule> &rules);

// An input or an output of FFmpeg.
struct ProcessIo
{
  std::string id;
  std::string address;
  std::vector<std::string> options;
  std::vector<CleanupRule> cleanup; // outputs only
  bool operator== (const ProcessIo &) const = default;
};

struct ProcessLimits
{
  double cpu_usage = 0;
  std::uint64_t memory_mbytes = 0;
  std::uint64_t waitfor_s = 0;
  bool operator== (const ProcessLimits &) const = default;
};

enum class Secrets
{
  hidden = 1,
  shown
};

// The process's WebRTC output: what its two RTP legs carry.
struct WebrtcOptions
{
  bool enabled = false;
  unsigned video_pt = 0; // 0 = kDefaultVideoPt
  unsigned audio_pt = 0; // 0 = kDefaultAudioPt
  std::string video_map; // FFmpeg's -map; "" = 0:v:0; "none" = no video
  std::string audio_map; // the same; "" = 0:a:0
  std::string video_codec; // a name of rtp-legs.cpp; "" = h264
  std::string audio_codec; // likewise; "" = opus
  bool force_transcode = false;
  std::string transport; // "native", "webrtcbin"; "" = the daemon's
  std::string token; // Bearer token for its WHEP; "" = the daemon's
  bool operator== (const WebrtcOptions &) const = default;

  void write (JsonWriter &json, Secrets secrets) const;
  bool has_video () const { return video_map != kNoLeg; }
  bool has_audio () const { return audio_map != kNoLeg; }
};

// A process as a client describes it. Copies are values.
struct ProcessConfig
{
  std::string id;
  std::string type = "ffmpeg";
  std::string reference;
  std::vector<ProcessIo> input, output;
  std::vector<std::string> options;
  bool reconnect = false;
  std::uint64_t reconnect_delay_s = 0;
  bool autostart = true;
  std::uint64_t stale_timeout_s = 0;
  ProcessLimits limits;
  WebrtcOptions webrtc;
  bool operator== (const ProcessConfig &) const = default;

  // Lays the object over what is here, as the API's PUT does (and Go's encoding/json): absent and null
  // members keep their values, null empties a list, a list replaces one, but its elements are laid over the
  // ones at the same place.
  Result<void> merge (JsonObject *object);
  // Makes up the ids that are missing.
  void fill_ids ();
  // The rules that do not depend on other processes.
  Result<void> validate () const;

  // As the API shows it: all but webrtc.token, which is nobody's to read. A client that writes back what it
  // has read keeps it.
  void write (JsonWriter &json) const;
  // FFmpeg's arguments: options, inputs, outputs.
  std::vector<std::string> arguments () const;
  // The same without the outputs.
  std::vector<std::string> input_arguments () const;
};

// 22 random characters that are hard to confuse.
std::string make_short_id ();

} // namespace restream
