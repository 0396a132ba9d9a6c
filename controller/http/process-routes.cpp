// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/process-routes.h"

#include "controller/http/glob.h"
#include "controller/http/process-json.h"

#include <optional>
#include <set>

namespace restream {

namespace {

// Some hundredths of a second of work for all patterns and processes together.
constexpr std::uint64_t kMaxGlobSteps = 2'000'000;

std::set<std::string>
split_set (const std::string &list)
{
  std::set<std::string> words;
  Owned<char *> parts (g_strsplit (list.c_str (), ",", -1));
  for (char **part = parts.get (); *part; part++)
    if (**part)
      words.insert (*part);
  return words;
}

// Which processes a client asks for.
class Selection
{
public:
  explicit Selection (const Query &query)
      : reference_ (query.get ("reference")),
        id_pattern_ (query.get ("idpattern")),
        reference_pattern_ (query.get ("refpattern"))
  {
    if (reference_.empty ()) // with one the ids do not count
      ids_ = split_set (query.get ("id"));
  }

  bool contains (const Task &task)
  {
    const std::string &reference = task.config ().reference;
    return (reference_.empty () || reference == reference_)
        && (ids_.empty () || ids_.contains (task.id ()))
        && fits (id_pattern_, task.id ())
        && fits (reference_pattern_, reference);
  }
  bool too_complex () const { return steps_ == 0; }

private:
  // No pattern fits all, a malformed one nothing.
  struct Pattern
  {
    explicit Pattern (const std::string &text)
        : given (!text.empty ()), glob (Glob::parse (text))
    {
    }
    bool given;
    Result<Glob> glob;
  };

  bool fits (const Pattern &pattern, const std::string &text)
  {
    return !pattern.given
        || (pattern.glob && pattern.glob->matches (text, steps_));
  }

  const std::string reference_;
  std::set<std::string> ids_;
  const Pattern id_pattern_, reference_pattern_;
  std::uint64_t steps_ = kMaxGlobSteps;
};

void
list (const Request &request, const ProcessManager &manager)
{
  auto filter = ProcessFilter::parse (request.query.get ("filter"));
  Selection selection (request.query);
  JsonWriter json;
  json.begin_array ();
  for (const auto &[id, task] : manager.tasks ())
    if (selection.contains (*task))
      write_process (json, *task, manager.metadata (id), filter);
  json.end_array ();
  if (selection.too_complex ())
    return request.reply->error (
        {400, "Invalid pattern", "the pattern takes too long to match"});
  request.reply->json (200, std::move (json));
}

void
get (const Request &request, const ProcessManager &manager)
{
  const Task *task = find_or_answer (request, manager);
  if (!task)
    return;
  JsonWriter json;
  write_process (json, *task, manager.metadata (task->id ()),
      ProcessFilter::parse (request.query.get ("filter")));
  request.reply->json (200, std::move (json));
}

void
answer_config (const ReplyPtr &reply, const ProcessManager &manager,
    const std::string &id)
{
  const Task *task = manager.find (id);
  if (!task) // deleted meanwhile
    return reply->error ({404, "Process not found", id});
  JsonWriter json;
  task->config ().write (json);
  reply->json (200, std::move (json));
}

// The rules of the form, which come before those of the content. nullopt: it is fine.
std::optional<ApiError>
check_form (ProcessConfig &config, const JsonReader &reader)
{
  for (const char *name : {"input", "output"})
    if (reader.is_null (name))
      return ApiError{400, "Invalid JSON", std::string (name) + ": required"};
  if (!config.type.empty () && config.type != "ffmpeg")
    return ApiError{400, "Invalid JSON", "type: ffmpeg expected"};
  return std::nullopt;
}

void
add (const Request &request, ProcessManager &manager)
{
  auto body = request.object_or_answer ();
  if (!body)
    return;
  ReplyPtr reply = request.reply;
  JsonObject *object = json_node_get_object (body.get ());
  JsonReader reader (object, "");
  ProcessConfig config;
  if (auto ok = config.merge (object); !ok)
    return reply->error ({400, "Invalid JSON", ok.error ().what});
  if (auto wrong = check_form (config, reader))
    return reply->error (*wrong);
  for (const char *name : {"input", "output"})
    if (!reader.has (name))
      return reply->error (
          {400, "Invalid JSON", std::string (name) + ": required"});
  if (config.type.empty ())
    return reply->error ({400, "Unsupported process type",
        "Supported process types are: ffmpeg"});
  if (config.input.empty () || config.output.empty ())
    return reply->error (
        {400, "At least one input and one output need to be defined", ""});
  config.fill_ids ();
  std::string id = config.id;
  manager.add (std::move (config), [&manager, id, reply] (Result<void> ok) {
    if (!ok)
      return reply->error (
          manager_error (ok.error (), "Invalid process config"));
    answer_config (reply, manager, id);
  });
}

void
update (const Request &request, ProcessManager &manager)
{
  std::string id = request.param ("id");
  ReplyPtr reply = request.reply;
  const ProcessConfig *latest = manager.latest_config (id);
  if (!latest)
    return reply->error ({404, "Process not found", id});
  auto body = request.object_or_answer ();
  if (!body)
    return;
  JsonObject *object = json_node_get_object (body.get ());
  ProcessConfig config = *latest;
  if (auto ok = config.merge (object); !ok)
    return reply->error ({400, "Invalid JSON", ok.error ().what});
  if (auto wrong = check_form (config, JsonReader (object, "")))
    return reply->error (*wrong);
  config.type = "ffmpeg";
  config.fill_ids ();
  std::string new_id = config.id;
  manager.update (id, std::move (config),
      [&manager, id, new_id, reply] (Result<void> ok) {
        if (ok)
          return answer_config (reply, manager, new_id);
        if (ok.error ().code == Code::not_found) // deleted meanwhile
          return reply->error ({404, "Process not found", id});
        reply->error (manager_error (ok.error (), "Process can't be updated"));
      });
}

void
remove (const Request &request, ProcessManager &manager)
{
  manager.remove (request.param ("id"),
      [reply = request.reply] (Result<void> ok) {
        if (ok)
          return reply->ok ();
        if (ok.error ().code == Code::not_found)
          return reply->error (kUnknownProcess);
        reply->error ({500, "Process can't be deleted", ok.error ().what});
      });
}

} // namespace

const ApiError kUnknownProcess{404, "Unknown process ID", "unknown process"};

const Task *
find_or_answer (const Request &request, const ProcessManager &manager)
{
  const Task *task = manager.find (request.param ("id"));
  if (!task)
    request.reply->error (kUnknownProcess);
  return task;
}

ApiError
manager_error (const Error &error, const char *message)
{
  switch (error.code) {
    case Code::unavailable: // it is stopping
      return {503, message, error.what};
    case Code::internal: // it cannot be stored
      return {500, message, error.what};
    default:
      return {400, message, error.what};
  }
}

void
add_process_routes (Router &router, ProcessManager &manager)
{
  router.get ("/api/v3/process",
      [&manager] (Request &request) { list (request, manager); });
  router.get ("/api/v3/process/{id}",
      [&manager] (Request &request) { get (request, manager); });
  router.write ("POST", "/api/v3/process",
      [&manager] (Request &request) { add (request, manager); });
  router.write ("PUT", "/api/v3/process/{id}",
      [&manager] (Request &request) { update (request, manager); });
  router.write ("DELETE", "/api/v3/process/{id}",
      [&manager] (Request &request) { remove (request, manager); });
}

} // namespace restream
