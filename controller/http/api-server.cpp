// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/api-server.h"

#include "controller/http/process-json.h"
#include "plugin/whep/body-guard.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace restream {

namespace {

// The API that clients expect behind the version number.
constexpr const char *kApiVersion = "16.16.0";

const ApiError kNotFound{404, "Not Found", ""};
const ApiError kUnknownProcess{404, "Unknown process ID", ""};

// A body over the limit is answered in the API's own words; the guard sees to it
// that it is not kept in memory and does not come for ever.
void
limit_body (SoupServer *, SoupServerMessage *message, const char *,
    GHashTable *, gpointer)
{
  auto refuse = +[] (SoupServerMessage *m) {
    if (soup_server_message_get_status (m) == 0)
      Reply (m).error ({413, "Request Entity Too Large", ""});
  };
  SoupMessageHeaders *headers =
      soup_server_message_get_request_headers (message);
  if (soup_message_headers_get_encoding (headers)
      == SOUP_ENCODING_CONTENT_LENGTH) {
    if (soup_message_headers_get_content_length (headers)
        > goffset (kMaxApiBodyBytes))
      refuse (message);
  } else {
    // Chunked: counted as it comes.
    auto on_chunk = [] (SoupServerMessage *m, GBytes *, gpointer data) {
      if (soup_server_message_get_request_body (m)->length
          > goffset (kMaxApiBodyBytes))
        reinterpret_cast<void (*) (SoupServerMessage *)> (data) (m);
    };
    g_signal_connect (message, "got-chunk", G_CALLBACK (+on_chunk),
        reinterpret_cast<gpointer> (refuse));
  }
  whep::guard_body (message, kMaxApiBodyBytes);
}

Result<Ref<JsonNode>>
read_body (SoupServerMessage *message)
{
  SoupMessageBody *body = soup_server_message_get_request_body (message);
  if (!soup_message_body_get_accumulate (body))
    return Error{Code::too_large, "the body is too large"};
  if (body->length == 0)
    return Error{Code::bad_request, "request doesn't contain any content"};
  const char *type = soup_message_headers_get_content_type (
      soup_server_message_get_request_headers (message), nullptr);
  if (!type
      || g_ascii_strncasecmp (type, "application/json",
             strlen ("application/json"))
          != 0)
    return Error{Code::bad_request, "request doesn't contain JSON content"};
  auto bytes = Ref<GBytes>::adopt (soup_message_body_flatten (body));
  gsize size = 0;
  auto *data =
      static_cast<const char *> (g_bytes_get_data (bytes.get (), &size));
  auto root = parse_json ({data, size});
  if (root && !JSON_NODE_HOLDS_OBJECT (root->get ()))
    return Error{Code::bad_request, "a JSON object expected"};
  return root;
}

ApiError
body_error (const Error &error)
{
  if (error.code == Code::too_large)
    return {413, "Request Entity Too Large", error.what};
  return {400, "Invalid JSON", error.what};
}

// Errors of the manager: 400 as upstream has it, but for what is our state.
ApiError
manager_error (const Error &error, const char *message)
{
  unsigned status = error.code == Code::unavailable ? 503 : 400;
  return {status, message, error.what};
}

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

bool
matches (const std::string &pattern, const std::string &text)
{
  return pattern.empty ()
      || g_pattern_match_simple (pattern.c_str (), text.c_str ());
}

} // namespace

std::string
ApiServer::Request::query_value (const char *name) const
{
  auto *text = query
      ? static_cast<const char *> (g_hash_table_lookup (query, name))
      : nullptr;
  return text ? text : "";
}

ApiServer::ApiServer (SoupServer *server, ProcessManager &manager, ApiInfo info)
    : server_ (Ref<SoupServer>::retain (server)), manager_ (manager),
      info_ (std::move (info))
{
  SoupServerCallback on_request =
      +[] (SoupServer *, SoupServerMessage *message, const char *path,
           GHashTable *query, gpointer data) {
        static_cast<ApiServer *> (data)->handle (message, path, query);
      };
  for (const char *path : {"/api", "/ping"}) {
    soup_server_add_early_handler (server, path, limit_body, nullptr, nullptr);
    soup_server_add_handler (server, path, on_request, this, nullptr);
  }
}

ApiServer::~ApiServer ()
{
  for (const char *path : {"/api", "/ping"})
    soup_server_remove_handler (server_.get (), path);
}

// Of "name", "name:port", "[v6]:port". No Host at all is no browser.
bool
ApiServer::knows_host (SoupServerMessage *message) const
{
  const char *header = soup_message_headers_get_one (
      soup_server_message_get_request_headers (message), "Host");
  if (!header || *header == '[')
    return true;
  std::string name (header);
  name.resize (std::min (name.find (':'), name.size ()));
  if (g_hostname_is_ip_address (name.c_str ())
      || g_ascii_strcasecmp (name.c_str (), "localhost") == 0)
    return true;
  for (const std::string &known : info_.host_names)
    if (g_ascii_strcasecmp (name.c_str (), known.c_str ()) == 0)
      return true;
  return false;
}

void
ApiServer::handle (SoupServerMessage *message, const char *path,
    GHashTable *query)
{
  Request request{soup_server_message_get_method (message), {}, query, message,
      std::make_shared<Reply> (message)};
  if (!knows_host (message))
    return request.reply->error ({403, "Forbidden",
        "unknown host name: add it to host.name (CORE_HOST_NAME)"});
  // Each segment for itself: an escaped slash is part of an id.
  Owned<char *> segments (g_strsplit (path + 1, "/", -1));
  for (char **segment = segments.get (); *segment; segment++) {
    Owned<char> text (g_uri_unescape_segment (*segment, nullptr, nullptr));
    if (!text || !g_utf8_validate (text.get (), -1, nullptr))
      return request.reply->error (kNotFound);
    request.path.emplace_back (text.get ());
  }
  route (request);
  request.reply->wait_if_unanswered ();
}

void
ApiServer::route (Request &request)
{
  const auto &path = request.path;
  bool get = request.method == "GET";
  if (get && path == std::vector<std::string>{"ping"})
    return request.reply->text (200, "pong");
  if (get && path == std::vector<std::string>{"api"})
    return about (*request.reply);
  if (path.size () >= 3 && path[1] == "v3" && path[2] == "process")
    return route_process (request);
  request.reply->error (kNotFound);
}

void
ApiServer::route_process (Request &request)
{
  const auto &path = request.path;
  bool get = request.method == "GET";
  if (!info_.read_only && route_process_write (request))
    return;
  if (!get || path.size () > 5)
    return request.reply->error (kNotFound);
  if (path.size () == 3)
    return list (request);
  const Task *task = manager_.find (path[3]);
  std::string part = path.size () == 5 ? path[4] : "";
  if (part != "" && part != "config" && part != "state" && part != "report")
    return request.reply->error (kNotFound);
  if (!task)
    return request.reply->error (kUnknownProcess);
  JsonWriter json;
  if (part == "config")
    task->config ().write (json);
  else if (part == "state")
    write_state (json, *task);
  else if (part == "report")
    write_report (json, *task);
  else
    write_process (json, *task,
        ProcessFilter::parse (request.query_value ("filter")));
  request.reply->json (200, std::move (json));
}

// false if it is none of these.
bool
ApiServer::route_process_write (Request &request)
{
  const auto &path = request.path;
  if (request.method == "POST" && path.size () == 3)
    return add (request), true;
  if (request.method == "PUT" && path.size () == 4)
    return update (request, path[3]), true;
  if (request.method == "PUT" && path.size () == 5 && path[4] == "command")
    return command (request, path[3]), true;
  if (request.method != "DELETE" || path.size () != 4)
    return false;
  manager_.remove (path[3], [reply = request.reply] (Result<void> result) {
    if (result)
      reply->ok ();
    else if (result.error ().code == Code::not_found)
      reply->error (kUnknownProcess);
    else
      reply->error ({500, "Process can't be deleted", result.error ().what});
  });
  return true;
}

void
ApiServer::about (Reply &reply) const
{
  GDateTime *time =
      g_date_time_new_from_unix_utc (created_at_us_ / G_USEC_PER_SEC);
  Owned<char> created (g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ"));
  g_date_time_unref (time);
  JsonWriter json;
  json.begin_object ().member ("app", "datarhei-core");
  json.key ("auths").begin_array ().end_array ();
  json.member ("name", info_.name)
      .member ("id", info_.id)
      .member ("created_at", created.get ())
      .member ("uptime_seconds",
          (g_get_real_time () - created_at_us_) / G_USEC_PER_SEC)
      .member ("variant", PACKAGE);
  json.key ("version")
      .begin_object ()
      .member ("number", kApiVersion)
      .member ("repository_commit", "")
      .member ("repository_branch", "")
      .member ("build_date", "")
      .member ("arch", "linux/" RTPRESTREAM_ARCH)
      .member ("compiler", __VERSION__)
      .end_object ()
      .end_object ();
  reply.json (200, std::move (json));
}

void
ApiServer::list (const Request &request)
{
  auto filter = ProcessFilter::parse (request.query_value ("filter"));
  std::string reference = request.query_value ("reference");
  // With a reference the ids do not count.
  auto ids = reference.empty () ? split_set (request.query_value ("id"))
                                : std::set<std::string> ();
  std::string id_pattern = request.query_value ("idpattern");
  std::string reference_pattern = request.query_value ("refpattern");
  JsonWriter json;
  json.begin_array ();
  for (const auto &[id, task] : manager_.tasks ()) {
    if ((!reference.empty () && task->config ().reference != reference)
        || (!ids.empty () && !ids.contains (id)) || !matches (id_pattern, id)
        || !matches (reference_pattern, task->config ().reference))
      continue;
    write_process (json, *task, filter);
  }
  json.end_array ();
  request.reply->json (200, std::move (json));
}

void
ApiServer::add (Request &request)
{
  auto body = read_body (request.message);
  if (!body)
    return request.reply->error (body_error (body.error ()));
  JsonObject *object = json_node_get_object (body->get ());
  ProcessConfig config;
  if (auto ok = config.merge (object); !ok)
    return request.reply->error ({400, "Invalid JSON", ok.error ().what});
  JsonReader reader (object, "");
  for (const char *name : {"input", "output"})
    if (!reader.has (name) || reader.is_null (name))
      return request.reply->error (
          {400, "Invalid JSON", std::string (name) + ": required"});
  if (config.type.empty ())
    return request.reply->error ({400, "Unsupported process type", ""});
  if (config.type != "ffmpeg")
    return request.reply->error (
        {400, "Invalid JSON", "type: ffmpeg expected"});
  if (config.input.empty () || config.output.empty ())
    return request.reply->error (
        {400, "At least one input and one output need to be defined", ""});
  config.fill_ids ();
  std::string id = config.id;
  manager_.add (std::move (config),
      [this, id, reply = request.reply] (Result<void> ok) {
        if (!ok)
          return reply->error (
              manager_error (ok.error (), "Invalid process config"));
        answer_config (*reply, id);
      });
}

void
ApiServer::answer_config (Reply &reply, const std::string &id) const
{
  const Task *task = manager_.find (id);
  if (!task) // deleted meanwhile
    return reply.error ({404, "Process not found", id});
  JsonWriter json;
  task->config ().write (json);
  reply.json (200, std::move (json));
}

void
ApiServer::update (Request &request, const std::string &id)
{
  const ProcessConfig *latest = manager_.latest_config (id);
  if (!latest)
    return request.reply->error ({404, "Process not found", id});
  auto body = read_body (request.message);
  if (!body)
    return request.reply->error (body_error (body.error ()));
  ProcessConfig config = *latest;
  if (auto ok = config.merge (json_node_get_object (body->get ())); !ok)
    return request.reply->error ({400, "Invalid JSON", ok.error ().what});
  if (config.type != "ffmpeg")
    return request.reply->error ({400, "Unsupported process type", ""});
  if (config.input.empty () || config.output.empty ())
    return request.reply->error (
        {400, "At least one input and one output need to be defined", ""});
  config.fill_ids ();
  std::string new_id = config.id;
  manager_.update (id, std::move (config),
      [this, new_id, reply = request.reply] (Result<void> ok) {
        if (!ok)
          return reply->error (
              manager_error (ok.error (), "Process can't be updated"));
        answer_config (*reply, new_id);
      });
}

void
ApiServer::command (Request &request, const std::string &id)
{
  auto body = read_body (request.message);
  if (!body)
    return request.reply->error (body_error (body.error ()));
  std::string word;
  JsonReader reader (json_node_get_object (body->get ()), "");
  if (auto ok = reader.get ("command", word); !ok)
    return request.reply->error ({400, "Invalid JSON", ok.error ().what});
  auto done = [reply = request.reply] (Result<void> result) {
    if (result)
      reply->ok ();
    else
      reply->error (manager_error (result.error (), "Command failed"));
  };
  if (word == "start")
    manager_.start (id, done);
  else if (word == "stop")
    manager_.stop (id, done);
  else if (word == "restart")
    manager_.restart (id, done);
  else if (word == "reload")
    manager_.reload (id, done);
  else
    request.reply->error ({400, "Unknown command provided",
        "Known commands are: start, stop, reload, restart"});
}

} // namespace restream
