// SPDX-License-Identifier: LGPL-2.1-or-later
// The description of the API against the table of its routes.
#include "controller/auth/login.h"
#include "controller/http/config-routes.h"
#include "controller/http/routes.h"

#include <set>
#include <string>

namespace restream {

using Names = std::set<std::string>;

static Ref<JsonNode>
document ()
{
  auto root = parse_json (openapi_text ());
  if (!root)
    g_error ("%s", root.error ().what.c_str ());
  return *root;
}

static JsonObject *
member (JsonObject *object, const char *name)
{
  g_assert_true (json_object_has_member (object, name));
  return json_object_get_object_member (object, name);
}

struct Table
{
  explicit Table (bool read_only) : router (read_only)
  {
    ApiParts parts{manager, skills, {}, nullptr, true};
    add_routes (router, parts);
    login.add_routes (router);
    add_config_routes (router, config, [] { return Result<void> (); });
  }
  ProcessManager manager{ManagerSettings ()};
  SkillsReader skills{"ffmpeg"};
  Login login{{}};
  ConfigStore config{"", process_environment (), {}};
  Router router;
};

static std::string
lower (std::string text)
{
  for (char &c : text)
    c = g_ascii_tolower (c);
  return text;
}

static void
for_each_operation (JsonObject *paths,
    const std::function<void (const std::string &path,
        const std::string &method, JsonObject *operation)> &see)
{
  g_autoptr (GList) names = json_object_get_members (paths);
  for (GList *name = names; name; name = name->next) {
    auto *path = static_cast<const char *> (name->data);
    JsonObject *item = member (paths, path);
    g_autoptr (GList) methods = json_object_get_members (item);
    for (GList *method = methods; method; method = method->next) {
      auto *word = static_cast<const char *> (method->data);
      see (path, word, member (item, word));
    }
  }
}

static void
test_routes ()
{
  Table table (false);
  Names routed, described;
  for (const Route &route : table.router.routes ())
    if (!routed.insert (lower (route.method) + " " + route.pattern).second)
      g_error ("%s is there twice", route.pattern.c_str ());
  auto root = document ();
  for_each_operation (member (json_node_get_object (root.get ()), "paths"),
      [&described] (const std::string &path, const std::string &method,
          JsonObject *) { described.insert (method + " " + path); });
  for (const std::string &one : routed)
    if (!described.contains (one))
      g_error ("not described: %s", one.c_str ());
  for (const std::string &one : described)
    if (!routed.contains (one))
      g_error ("no such route: %s", one.c_str ());
}

// Who may call is described as it is; so are the parameters of the path.
static void
test_operations ()
{
  Table table (false);
  auto root = document ();
  JsonObject *paths = member (json_node_get_object (root.get ()), "paths");
  for (const Route &route : table.router.routes ()) {
    JsonObject *operation = member (member (paths, route.pattern.c_str ()),
        lower (route.method).c_str ());
    bool open = json_object_has_member (operation, "security");
    g_assert_cmpint (open, ==, route.access == Access::everyone);
    g_assert_true (
        json_object_has_member (member (operation, "responses"), "200"));
    if (!open)
      g_assert_true (
          json_object_has_member (member (operation, "responses"), "401"));
    for (const char *name : {"id", "key"}) {
      bool wanted = route.pattern.find (std::string ("{") + name + "}")
          != std::string::npos;
      bool found = false;
      JsonArray *list = json_object_has_member (operation, "parameters")
          ? json_object_get_array_member (operation, "parameters")
          : nullptr;
      for (guint i = 0; list && i < json_array_get_length (list); i++) {
        JsonObject *parameter = json_array_get_object_element (list, i);
        found |= g_strcmp0 (json_object_get_string_member_with_default (
                                parameter, "$ref", nullptr),
                     (std::string ("#/components/parameters/") + name).c_str ())
            == 0;
      }
      g_assert_cmpint (found, ==, wanted);
    }
  }
}

static void
check_references (JsonObject *root, JsonNode *node, Names &used)
{
  if (JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *list = json_node_get_array (node);
    for (guint i = 0; i < json_array_get_length (list); i++)
      check_references (root, json_array_get_element (list, i), used);
  } else if (JSON_NODE_HOLDS_OBJECT (node)) {
    JsonObject *object = json_node_get_object (node);
    g_autoptr (GList) names = json_object_get_members (object);
    for (GList *name = names; name; name = name->next) {
      auto *word = static_cast<const char *> (name->data);
      JsonNode *value = json_object_get_member (object, word);
      if (!g_str_equal (word, "$ref")) {
        check_references (root, value, used);
        continue;
      }
      Owned<char *> steps (g_strsplit (json_node_get_string (value), "/", -1));
      JsonObject *at = root;
      for (char **step = steps.get () + 1; *step; step++)
        at = member (at, *step);
      used.insert (json_node_get_string (value));
    }
  }
}

// Each reference leads somewhere, and nothing is left over.
static void
test_references ()
{
  auto root = document ();
  JsonObject *object = json_node_get_object (root.get ());
  Names used;
  check_references (object, root.get (), used);
  JsonObject *components = member (object, "components");
  for (const char *kind : {"schemas", "parameters", "responses"}) {
    g_autoptr (GList) names =
        json_object_get_members (member (components, kind));
    for (GList *name = names; name; name = name->next) {
      std::string path = std::string ("#/components/") + kind + "/"
          + static_cast<const char *> (name->data);
      if (!used.contains (path))
        g_error ("nobody uses %s", path.c_str ());
    }
  }
}

static void
test_read_only ()
{
  Table all (false), some (true);
  for (const Route &route : some.router.routes ())
    g_assert_true (route.effect == Effect::read);
  std::size_t writes = 0;
  for (const Route &route : all.router.routes ())
    writes += route.effect == Effect::write;
  g_assert_cmpuint (writes, >=, 6);
  g_assert_cmpuint (some.router.routes ().size () + writes, ==,
      all.router.routes ().size ());
}

static void
test_words_before_parameters ()
{
  Router router (false);
  std::string called;
  for (const char *pattern : {"/a/{x}/{y}", "/a/{x}", "/a/b", "/a/{x}/c"})
    router.get (pattern, [&called, pattern] (Request &request) {
      called = pattern + std::string (" ") + request.param ("x");
    });
  struct
  {
    std::vector<std::string> path;
    const char *expected;
  } const cases[] = {
      {{"a", "b"}, "/a/b "},
      {{"a", "d"}, "/a/{x} d"},
      {{"a", ""}, "/a/{x} "},
      {{"a", "b", "c"}, "/a/{x}/c b"},
      {{"a", "b", "d"}, "/a/{x}/{y} b"},
  };
  for (const auto &c : cases) {
    Request request{.method = "GET", .path = c.path};
    const Route *route = router.find (request);
    g_assert_nonnull (route);
    route->handler (request);
    g_assert_cmpstr (called.c_str (), ==, c.expected);
  }
  for (const auto &path : std::vector<std::vector<std::string>>{{}, {"a"},
           {"b"}, {"a", "b", "c", "d"}}) {
    Request request{.method = "GET", .path = path};
    g_assert_null (router.find (request));
  }
  Request post{.method = "POST", .path = {"a", "b"}};
  g_assert_null (router.find (post));
}

} // namespace restream

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/openapi/routes", restream::test_routes);
  g_test_add_func ("/openapi/operations", restream::test_operations);
  g_test_add_func ("/openapi/references", restream::test_references);
  g_test_add_func ("/openapi/read-only", restream::test_read_only);
  g_test_add_func ("/router/words-before-parameters",
      restream::test_words_before_parameters);
  return g_test_run ();
}
