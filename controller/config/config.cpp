// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/config/config.h"

#include "controller/config/settings.h"
#include "controller/json.h"

#include <gio/gio.h>

#include <algorithm>
#include <cstring>

namespace restream {

namespace {

std::uint64_t
max_of (const Setting &setting)
{
  return setting.max ? setting.max : std::uint64_t (1) << 53;
}

std::vector<std::string>
split_list (const std::string &text, const char *separators)
{
  std::vector<std::string> list;
  Owned<char *> parts (g_strsplit_set (text.c_str (), separators, -1));
  for (char **part = parts.get (); *part; part++)
    if (**part)
      list.emplace_back (*part);
  return list;
}

Result<void>
set_from_text (Config &config, const Setting &setting, const std::string &text)
{
  return std::visit (
      Overloaded{
          [&] (std::string Config::*m) -> Result<void> {
            config.*m = text;
            return {};
          },
          [&] (bool Config::*m) -> Result<void> {
            for (const char *yes : {"true", "1", "yes", "on"})
              if (g_ascii_strcasecmp (text.c_str (), yes) == 0)
                return config.*m = true, Result<void> ();
            for (const char *no : {"false", "0", "no", "off"})
              if (g_ascii_strcasecmp (text.c_str (), no) == 0)
                return config.*m = false, Result<void> ();
            return Error{Code::bad_request, "true or false expected"};
          },
          [&] (std::uint64_t Config::*m) -> Result<void> {
            guint64 number = 0;
            if (!g_ascii_string_to_unsigned (text.c_str (), 10, 0,
                    max_of (setting), &number, nullptr))
              return Error{Code::bad_request,
                  "number from 0 to " + std::to_string (max_of (setting))
                      + " expected"};
            config.*m = number;
            return {};
          },
          [&] (std::vector<std::string> Config::*m) -> Result<void> {
            // A comma may be part of an expression.
            bool patterns = is_pattern_list (setting);
            config.*m = split_list (text, patterns ? " \t" : ", \t");
            return {};
          },
      },
      setting.member);
}

Result<void>
set_from_json (Config &config, const Setting &setting, const JsonReader &reader,
    const char *member)
{
  auto ok = std::visit ([&] (auto m) { return reader.get (member, config.*m); },
      setting.member);
  if (!ok)
    return ok;
  if (auto *m = std::get_if<std::uint64_t Config::*> (&setting.member))
    if (config.*(*m) > max_of (setting))
      return Error{Code::bad_request,
          std::string (setting.name) + ": at most "
              + std::to_string (max_of (setting))};
  return {};
}

// Walks the file's objects along the dots of the settings' names.
void
read_object (LoadedConfig &loaded, JsonObject *object,
    const std::string &prefix)
{
  JsonReader reader (object, prefix);
  GList *members = json_object_get_members (object);
  for (GList *item = members; item; item = item->next) {
    const char *member = static_cast<const char *> (item->data);
    std::string name = reader.path_of (member);
    const Setting *setting = nullptr;
    bool inner = false;
    for (const Setting &s : all_settings ()) {
      if (name == s.name)
        setting = &s;
      inner |= g_str_has_prefix (s.name, (name + ".").c_str ());
    }
    if (setting) {
      if (auto ok = set_from_json (loaded.config, *setting, reader, member);
          !ok)
        loaded.errors.push_back (ok.error ().what);
    } else if (inner) {
      auto child = reader.object (member);
      if (!child)
        loaded.errors.push_back (child.error ().what);
      else if (*child)
        read_object (loaded, *child, name);
    } else if (name != "version") {
      loaded.warnings.push_back (name + ": unknown setting");
    }
  }
  g_list_free (members);
}

// The settings below the prefix, as members of the object that is open.
void
write_group (JsonWriter &json, const Config &config, const std::string &prefix)
{
  std::vector<std::string> done;
  for (const Setting &setting : all_settings ()) {
    std::string_view name = setting.name;
    if (!name.starts_with (prefix))
      continue;
    name.remove_prefix (prefix.size ());
    std::string member (name.substr (0, name.find ('.')));
    if (std::find (done.begin (), done.end (), member) != done.end ())
      continue;
    done.push_back (member);
    json.key (member);
    if (member == name) {
      std::visit ([&] (auto m) { json.value (config.*m); }, setting.member);
    } else {
      json.begin_object ();
      write_group (json, config, prefix + member + ".");
      json.end_object ();
    }
  }
}

void
check_values (LoadedConfig &loaded)
{
  const Config &config = loaded.config;
  for (const Setting &setting : all_settings ()) {
    if (!setting.check)
      continue;
    auto complain = [&] (const std::string &text) {
      if (std::string wrong = setting.check (text); !wrong.empty ())
        loaded.errors.push_back (std::string (setting.name) + ": " + wrong);
    };
    if (auto *text = std::get_if<std::string Config::*> (&setting.member))
      complain (config.*(*text));
    else if (auto *list = std::get_if<std::vector<std::string> Config::*> (
                 &setting.member))
      for (const std::string &item : config.*(*list))
        complain (item);
  }
  if (config.webrtc_max_port != 0
      && config.webrtc_min_port > config.webrtc_max_port)
    loaded.errors.push_back ("webrtc.min_port: above webrtc.max_port");
  auto need = [&] (bool enabled, const std::string &value, const char *name,
                  const char *because) {
    if (enabled && value.empty ())
      loaded.errors.push_back (
          std::string (name) + ": must be set for " + because);
  };
  need (config.api_auth_enable, config.api_auth_username, "api.auth.username",
      "api.auth.enable");
  need (config.api_auth_enable, config.api_auth_password, "api.auth.password",
      "api.auth.enable");
  need (config.tls_enable, config.tls_cert_file, "tls.cert_file", "tls.enable");
  need (config.tls_enable, config.tls_key_file, "tls.key_file", "tls.enable");
}

void
read_environment (LoadedConfig &loaded, const Environment &environment)
{
  loaded.of_file = loaded.config;
  for (const Setting &setting : all_settings ()) {
    auto text = environment (setting.env);
    if (!text)
      continue;
    loaded.overrides.emplace_back (setting.name);
    if (auto ok = set_from_text (loaded.config, setting, *text); !ok)
      loaded.errors.push_back (
          std::string (setting.env) + ": " + ok.error ().what);
  }
}

void
read_text (LoadedConfig &loaded, std::string_view text)
{
  auto root = parse_json (text);
  if (!root)
    loaded.errors.push_back (root.error ().what);
  else if (!JSON_NODE_HOLDS_OBJECT (root->get ()))
    loaded.errors.push_back ("a JSON object expected");
  else
    read_object (loaded, json_node_get_object (root->get ()), "");
}

} // namespace

LoadedConfig
parse_config (std::string_view text, const Environment &environment)
{
  LoadedConfig loaded;
  if (!text.empty ())
    read_text (loaded, text);
  read_environment (loaded, environment);
  check_values (loaded);
  return loaded;
}

LoadedConfig
load_config (const std::string &path, const Environment &environment)
{
  if (path.empty ())
    return parse_config ({}, environment);
  Owned<GError> error;
  Owned<char> text;
  gsize length = 0;
  if (!g_file_get_contents (path.c_str (), out (text), &length, out (error))) {
    LoadedConfig loaded = parse_config ({}, environment);
    loaded.errors.insert (loaded.errors.begin (), error->message);
    return loaded;
  }
  LoadedConfig loaded;
  read_text (loaded, {text.get (), length});
  for (std::string &wrong : loaded.errors)
    wrong = path + ": " + wrong;
  for (std::string &warning : loaded.warnings)
    warning = path + ": " + warning;
  read_environment (loaded, environment);
  check_values (loaded);
  return loaded;
}

LoadedConfig
lay_over (const Config &base, JsonObject *object,
    const Environment &environment)
{
  LoadedConfig loaded;
  loaded.config = base;
  read_object (loaded, object, "");
  read_environment (loaded, environment);
  check_values (loaded);
  return loaded;
}

void
write_config (JsonWriter &json, const Config &config)
{
  json.begin_object ().member ("version", 3);
  write_group (json, config, "");
  json.end_object ();
}

std::vector<std::string>
need_restart (const Config &one, const Config &other)
{
  std::vector<std::string> names;
  for (const Setting &setting : all_settings ())
    if (is_fixed (setting)
        && !std::visit ([&] (auto m) { return one.*m == other.*m; },
            setting.member))
      names.emplace_back (setting.name);
  return names;
}

Environment
process_environment ()
{
  return [] (const char *name) -> std::optional<std::string> {
    const char *text = g_getenv (name);
    return text ? std::optional<std::string> (text) : std::nullopt;
  };
}

} // namespace restream
