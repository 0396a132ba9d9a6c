// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "controller/http/reply.h"
#include "controller/process/process-manager.h"

#include <libsoup/soup.h>

#include <string>
#include <vector>

namespace restream {

inline constexpr std::size_t kMaxApiBodyBytes = 1024 * 1024;

struct ApiInfo
{
  std::string id;
  std::string name;
  bool read_only = false;
  // Besides localhost and IP addresses. A page of somebody else's whose name is
  // made to point here (DNS rebinding) comes with its own.
  std::vector<std::string> host_names;
};

// The process API v3 on a SoupServer that somebody else listens with, which must
// have raw paths. Thread: main.
class ApiServer
{
public:
  ApiServer (SoupServer *server, ProcessManager &manager, ApiInfo info);
  ~ApiServer ();
  ApiServer (const ApiServer &) = delete;
  ApiServer &operator= (const ApiServer &) = delete;

private:
  using ReplyPtr = std::shared_ptr<Reply>;
  struct Request
  {
    std::string method;
    std::vector<std::string> path; // segments, unescaped
    GHashTable *query; // may be null
    SoupServerMessage *message;
    ReplyPtr reply;

    std::string query_value (const char *name) const;
  };

  void handle (SoupServerMessage *message, const char *path, GHashTable *query);
  bool knows_host (SoupServerMessage *message) const;
  void route (Request &request);
  void route_process (Request &request);
  bool route_process_write (Request &request);
  void about (Reply &reply) const;
  void list (const Request &request);
  void add (Request &request);
  void update (Request &request, const std::string &id);
  void command (Request &request, const std::string &id);
  void answer_config (Reply &reply, const std::string &id) const;

  Ref<SoupServer> server_;
  ProcessManager &manager_;
  const ApiInfo info_;
  const std::int64_t created_at_us_ = g_get_real_time ();
};

} // namespace restream
