// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/config/config-store.h"

#include "common/post.h"
#include "controller/store/state-file.h"

#include <utility>

namespace restream {

namespace {

std::string
rfc3339 (std::int64_t at_us)
{
  GDateTime *time = g_date_time_new_from_unix_utc (at_us / G_USEC_PER_SEC);
  Owned<char> text (g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ"));
  g_date_time_unref (time);
  return text.get ();
}

std::string
one_text (const std::vector<std::string> &errors)
{
  std::string text;
  for (const std::string &error : errors)
    text += (text.empty () ? "" : "; ") + error;
  return text;
}

} // namespace

std::string
default_config_file (const Environment &environment)
{
  std::string folder = environment ("CORE_DB_DIR").value_or (Config ().db_dir);
  return folder.empty () ? folder : folder + "/config.json";
}

ConfigStore::ConfigStore (std::string path, Environment environment,
    LoadedConfig loaded)
    : path_ (std::move (path)), environment_ (std::move (environment)),
      wanted_ (std::move (loaded.of_file)),
      overrides_ (std::move (loaded.overrides))
{
}

void
ConfigStore::write (JsonWriter &json) const
{
  json.begin_object ()
      .member ("created_at", rfc3339 (updated_at_us_))
      .member ("loaded_at", rfc3339 (loaded_at_us_))
      .member ("updated_at", rfc3339 (updated_at_us_));
  json.key ("config");
  write_config (json, wanted_);
  json.member ("overrides", overrides_).end_object ();
}

ConfigStore::Complaints
ConfigStore::set (JsonObject *object, Done done)
{
  LoadedConfig laid = lay_over (wanted_, object, environment_);
  Complaints complaints;
  for (const std::string &error : laid.errors) {
    std::size_t colon = error.find (": ");
    if (colon == std::string::npos)
      complaints[""].push_back (error);
    else
      complaints[error.substr (0, colon)].push_back (error.substr (colon + 2));
  }
  if (!complaints.empty ())
    return complaints;
  if (path_.empty ()) {
    done (Error{Code::unavailable, "there is no configuration file"});
    return {};
  }
  // One after the other: each is laid over the one before.
  if (std::exchange (writing_, true)) {
    done (Error{Code::unavailable, "the configuration is being written"});
    return {};
  }
  JsonWriter json;
  write_config (json, laid.of_file);
  struct Job
  {
    std::string path, text;
    std::weak_ptr<ConfigStore> owner;
    Config config;
    Done done;
  };
  auto job = std::make_shared<Job> (Job{path_, json.take (), weak_from_this (),
      std::move (laid.of_file), std::move (done)});
  auto task =
      Ref<GTask>::adopt (g_task_new (nullptr, nullptr, nullptr, nullptr));
  g_task_set_task_data (
      task.get (), new std::shared_ptr<Job> (job), +[] (gpointer data) {
        delete static_cast<std::shared_ptr<Job> *> (data);
      });
  g_task_run_in_thread (
      task.get (), +[] (GTask *, gpointer, gpointer data, GCancellable *) {
        auto j = *static_cast<std::shared_ptr<Job> *> (data);
        auto ok = write_durably (j->path, indent_json (j->text) + "\n");
        post (nullptr, [j = std::move (j), ok] {
          if (auto self = j->owner.lock ()) {
            self->writing_ = false;
            if (ok) {
              self->wanted_ = j->config;
              self->updated_at_us_ = g_get_real_time ();
            }
          }
          j->done (ok);
        });
      });
  return {};
}

Result<Config>
ConfigStore::reload ()
{
  bool there = g_file_test (path_.c_str (), G_FILE_TEST_EXISTS);
  LoadedConfig loaded = load_config (there ? path_ : "", environment_);
  if (!loaded.errors.empty ())
    return Error{Code::bad_request, one_text (loaded.errors)};
  wanted_ = loaded.of_file;
  overrides_ = loaded.overrides;
  loaded_at_us_ = g_get_real_time ();
  return loaded.config;
}

} // namespace restream
