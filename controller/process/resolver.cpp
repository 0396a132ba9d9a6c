// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/resolver.h"

namespace restream {

namespace {

enum class Side
{
  input = 1,
  output
};

// {rtmp} and {srt} are the addresses at which the API's clients expect such servers to be.
void
add_servers (PlaceholderValues &values, Side side)
{
  values["rtmp"] = {"rtmp://localhost:1935/{name}", {}};
  values["srt"] = {
      std::string ("srt://localhost:6000?mode=caller&transtype=live&latency="
                   "{latency}&streamid={name},mode:")
          + (side == Side::output ? "publish" : "request"),
      {{"latency", "20000"}}};
}

void
add_disk (PlaceholderValues &values, const std::string &dir)
{
  values["diskfs"] = values["fs:disk"] = {dir, {}};
}

void
add_memory (PlaceholderValues &values, const std::string &dir)
{
  values["memfs"] = values["fs:mem"] = {dir + "/memfs", {}};
}

// Resolves one process; keeps the first error.
class Resolver
{
public:
  Resolver (ProcessConfig config, const std::string &storage_dir)
      : config_ (std::move (config)), storage_dir_ (storage_dir)
  {
    add_disk (global_, storage_dir_);
    names_["processid"] = {config_.id, {}};
    names_["reference"] = {config_.reference, {}};
    variables_["processid"] = config_.id;
    variables_["reference"] = config_.reference;
  }

  Result<ProcessConfig> run ()
  {
    for (std::string &option : config_.options)
      replace (option, global_, "options");
    for (ProcessIo &io : config_.input)
      resolve (io, Side::input, "inputid");
    for (ProcessIo &io : config_.output)
      resolve (io, Side::output, "outputid");
    if (!error_.what.empty ())
      return error_;
    return std::move (config_);
  }

private:
  void resolve (ProcessIo &io, Side side, const char *id_name)
  {
    replace (io.id, names_, id_name);
    PlaceholderValues values = names_;
    values[id_name] = {io.id, {}};
    for (CleanupRule &rule : io.cleanup)
      replace (rule.pattern, values, "cleanup");
    variables_[id_name] = io.id;
    add_disk (values, storage_dir_);
    add_memory (values, storage_dir_);
    for (std::string &option : io.options)
      replace (option, values, "options");
    add_servers (values, side);
    replace (io.address, values, "address");
    variables_.erase (id_name);
  }

  void replace (std::string &text, const PlaceholderValues &values,
      const char *what)
  {
    if (text.find ('{') == std::string::npos)
      return;
    auto result = replace_placeholders (text, values, variables_);
    if (result)
      text = *std::move (result);
    else if (error_.what.empty ())
      error_ = result.error ().wrap (what);
  }

  ProcessConfig config_;
  const std::string &storage_dir_;
  PlaceholderValues global_, names_;
  PlaceholderVariables variables_;
  Error error_;
};

// "#process:output=id"; the last ":output=" counts, as it may be part of an id.
Result<std::string>
referenced_address (const ProcessConfig &config, const std::string &address,
    const ResolveEnvironment &environment)
{
  constexpr std::string_view kBetween = ":output=";
  auto bad = [&address] (const std::string &what) {
    return Error{Code::bad_request, what + " (" + address + ")"};
  };
  std::size_t between = address.rfind (kBetween);
  if (between == std::string::npos || between < 2
      || between + kBetween.size () == address.size ())
    return bad ("invalid format");
  std::string id = address.substr (1, between - 1);
  std::string output = address.substr (between + kBetween.size ());
  if (id == config.id)
    return bad ("self-reference not possible");
  const ProcessConfig *other =
      environment.process ? environment.process (id) : nullptr;
  if (!other)
    return bad ("unknown process '" + id + "'");
  auto resolved = Resolver (*other, environment.storage_dir).run ();
  if (!resolved)
    return resolved.error ();
  for (const ProcessIo &io : resolved->output)
    if (io.id == output)
      return io.address;
  return bad (
      "the process '" + id + "' has no outputs with the ID '" + output + "'");
}

} // namespace

Result<ProcessConfig>
resolve_config (const ProcessConfig &config,
    const ResolveEnvironment &environment)
{
  auto resolved = Resolver (config, environment.storage_dir).run ();
  if (!resolved)
    return resolved;
  for (ProcessIo &io : resolved->input) {
    if (!io.address.starts_with ("#"))
      continue;
    auto address = referenced_address (config, io.address, environment);
    if (!address)
      return address.error ().wrap (
          "reference error for '#" + config.id + ":" + io.id + "'");
    io.address = *std::move (address);
  }
  return resolved;
}

} // namespace restream
