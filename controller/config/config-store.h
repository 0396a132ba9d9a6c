// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/config/config.h"
#include "controller/json.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace restream {

// The configuration as the API changes it: in its file. What the daemon does changes at the next
// reload. Thread: main; the file is written on another one.
class ConfigStore : public std::enable_shared_from_this<ConfigStore>
{
public:
  using Done = std::function<void (Result<void>)>;
  // What is wrong, by setting.
  using Complaints = std::map<std::string, std::vector<std::string>>;

  // path: "" = there is no file, and nothing can be changed. environment: what wins over the file.
  ConfigStore (std::string path, Environment environment, LoadedConfig loaded);

  // {created_at, loaded_at, updated_at, config, overrides}
  void write (JsonWriter &json) const;
  // Lays the object over what is to be. Complaints come at once, and then done is not called.
  Complaints set (JsonObject *object, Done done);
  // Reads file and environment anew. Errors leave all as it was.
  Result<Config> reload ();

private:
  const std::string path_;
  const Environment environment_;
  Config wanted_; // of the file; active after a reload
  std::vector<std::string> overrides_;
  std::int64_t loaded_at_us_ = g_get_real_time ();
  std::int64_t updated_at_us_ = loaded_at_us_;
  bool writing_ = false;
};

// The file of the configuration when none is named, in the folder of the state file; "" if that is none.
std::string default_config_file (const Environment &environment);

} // namespace restream
