// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/process/resolver.h"

using namespace restream;

namespace {

std::string
replaced (const char *text)
{
  const PlaceholderValues values = {
      {"name", {"a:b\\c", {}}},
      {"diskfs", {"/data", {}}},
      {"fs:disk", {"/data", {}}},
      {"rtmp", {"rtmp://host/{name}", {}}},
      {"srt", {"srt://host?latency={latency}&id={name}", {{"latency", "20"}}}},
  };
  const PlaceholderVariables variables = {{"processid", "p1"},
      {"reference", "{diskfs}"}};
  auto result = replace_placeholders (text, values, variables);
  return result ? *result : "error: " + result.error ().what;
}

void
placeholders ()
{
  const std::pair<const char *, const char *> cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"{diskfs}/x", "/data/x"},
      {"{diskfs}{diskfs}", "/data/data"},
      {"{fs:disk}", "/data"},
      {"{fs:other}/x", "/x"}, // known, but there is none
      {"{other}", "{other}"},
      {"{Name}", "{Name}"},
      {"{name", "{name"},
      {"{{name}}", "{a:b\\c}"},
      {"{}", "{}"},
      {"{name:}", "{name:}"},
      {"{name^}", "{name^}"},
      {"{name^:}", "a\\\\:b\\\\\\c"},
      {"{name^\\}", "a:b\\\\\\c"},
      {"{name^x}", "a:b\\\\\\c"},
      {"{name^ä}", "a:b\\\\\\c"},
      {"{name^::}", "{name^::}"},
      {"{diskfs^/}", "\\\\/data"},
      {"{rtmp,name=x}", "rtmp://host/x"},
      {"{rtmp,name=$processid.stream}", "rtmp://host/p1.stream"},
      {"{rtmp,name=a%2Fb+c}", "rtmp://host/a/b c"},
      {"{rtmp,name=%zz}", "rtmp://host/{name}"},
      {"{rtmp}", "rtmp://host/{name}"},
      {"{rtmp,}", "rtmp://host/{name}"},
      {"{rtmp,name=$unknown}", "rtmp://host/$unknown"},
      // What is filled in is not looked at again.
      {"{rtmp,name=$reference}", "rtmp://host/{diskfs}"},
      {"{srt,name=x,mode=publish}", "srt://host?latency=20&id=x"},
      {"{srt,latency=5,name=x}", "srt://host?latency=5&id=x"},
      {"{srt,name=x", "{srt,name=x"},
      {"[f=flv]{rtmp,name=x}|[f=hls]{diskfs^:}/y",
          "[f=flv]rtmp://host/x|[f=hls]/data/y"},
  };
  for (const auto &[text, expected] : cases) {
    std::string result = replaced (text);
    if (result != expected)
      g_test_message ("%s: %s, not %s", text, result.c_str (), expected);
    g_assert_true (result == expected);
  }
}

void
no_bombs ()
{
  std::string long_value (10000, ':');
  PlaceholderValues values = {{"x", {long_value, {}}},
      {"r", {"{name}{name}{name}{name}", {}}}};
  std::string text;
  for (int i = 0; i < 10000; i++)
    text += "{x^:}";
  g_assert_false (replace_placeholders (text, values, {}).has_value ());
  text = "{r,name=";
  for (int i = 0; i < 50000; i++)
    text += "$v";
  g_assert_false (replace_placeholders (text + "}", values, {{"v", long_value}})
                      .has_value ());
}

ProcessConfig
parsed (const char *text)
{
  auto root = parse_json (text);
  g_assert_true (root.has_value ());
  ProcessConfig config;
  g_assert_true (
      config.merge (json_node_get_object (root->get ())).has_value ());
  return config;
}

constexpr const char *kOther =
    R"({"id":"other","reference":"r","input":[{"id":"i","address":"x"}],
        "output":[{"id":"{processid}-o","address":"{diskfs}/{outputid}.ts"}]})";

Result<ProcessConfig>
resolved (const ProcessConfig &config)
{
  static const ProcessConfig other = parsed (kOther);
  return resolve_config (config, {"/data", [] (const std::string &id) {
                                    return id == "other" ? &other : nullptr;
                                  }});
}

void
all_places ()
{
  ProcessConfig config = parsed (R"({"id":"p","reference":"ref",
    "options":["{diskfs}","{memfs}","{processid}"],
    "input":[{"id":"in-{reference}","address":"{inputid}/{processid}/{reference}/{diskfs}/{memfs}/{rtmp,name=$inputid}/{outputid}",
              "options":["{inputid}{memfs}{rtmp}"]}],
    "output":[{"id":"out","address":"{outputid}{srt,name=$outputid-$processid}{inputid}","options":["{outputid}/{fs:mem}{srt}"],
      "cleanup":[{"pattern":"memfs:/{processid}_{outputid}_{reference}_{diskfs}.ts"}]}]})");
  auto result = resolved (config);
  g_assert_true (result.has_value ());
  auto same = [] (const std::string &a, const char *b) {
    if (a != b)
      g_test_message ("%s, not %s", a.c_str (), b);
    g_assert_true (a == b);
  };
  same (result->options[0], "/data");
  same (result->options[1], "{memfs}"); // not in global options
  same (result->options[2], "{processid}");
  same (result->input[0].id, "in-ref");
  same (result->input[0].address,
      "in-ref/p/ref//data//data/memfs/rtmp://localhost:1935/in-ref/{outputid}");
  same (result->input[0].options[0], "in-ref/data/memfs{rtmp}");
  same (result->output[0].address,
      "outsrt://localhost:6000?mode=caller&transtype=live&latency=20000"
      "&streamid=out-p,mode:publish{inputid}");
  same (result->output[0].options[0], "out//data/memfs{srt}");
  same (result->output[0].cleanup[0].pattern, "memfs:/p_out_ref_{diskfs}.ts");
}

void
references ()
{
  const std::pair<const char *, const char *> cases[] = {
      {"#other:output=other-o", ""},
      {"#other:output=nope",
          "the process 'other' has no outputs with the ID 'nope'"},
      {"#nope:output=x", "unknown process 'nope'"},
      {"#p:output=o", "self-reference not possible"},
      {"#other", "invalid format"},
      {"#:output=x", "invalid format"},
      {"#other:output=", "invalid format"},
  };
  for (const auto &[address, message] : cases) {
    ProcessConfig config = parsed (
        R"({"id":"p","output":[{"id":"o","address":"-"}],"input":[{"id":"i","address":"x"}]})");
    config.input[0].address = address;
    auto result = resolved (config);
    if (!*message) {
      g_assert_true (result.has_value ());
      g_assert_cmpstr (result->input[0].address.c_str (), ==,
          "/data/other-o.ts");
      continue;
    }
    g_assert_false (result.has_value ());
    std::string expected = std::string ("reference error for '#p:i': ")
        + message + " (" + address + ")";
    g_assert_true (result.error ().what == expected);
    g_assert_true (result.error ().code == Code::bad_request);
  }
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/placeholders/replaced", placeholders);
  g_test_add_func ("/placeholders/bombs", no_bombs);
  g_test_add_func ("/resolver/places", all_places);
  g_test_add_func ("/resolver/references", references);
  return g_test_run ();
}
