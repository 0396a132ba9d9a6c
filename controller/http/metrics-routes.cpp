// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/routes.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace restream {

namespace {

using Labels = std::vector<prometheus::ClientMetric::Label>;

constexpr ExecState kAllStates[] = {ExecState::failed, ExecState::finished,
    ExecState::finishing, ExecState::killed, ExecState::running,
    ExecState::starting};

// A family, with what is the same for all of it.
class Family
{
public:
  Family (const char *name, const char *help, prometheus::MetricType type,
      std::string core)
      : core_ (std::move (core))
  {
    family_.name = name;
    family_.help = help;
    family_.type = type;
  }

  void add (Labels labels, double value)
  {
    prometheus::ClientMetric metric;
    metric.label = std::move (labels);
    metric.label.insert (metric.label.begin (), {"core", core_});
    metric.gauge.value = value;
    metric.counter.value = value;
    family_.metric.push_back (std::move (metric));
  }
  // Moves it out.
  prometheus::MetricFamily take () { return std::move (family_); }

private:
  const std::string core_;
  prometheus::MetricFamily family_;
};

void
add_process (Family &family, const Task &task)
{
  const FfmpegProcess &process = task.process ();
  const Progress progress = process.progress ();
  const ProcessLimits &limits = task.config ().limits;
  const std::pair<const char *, double> values[] = {
      {"frame", progress.frame},
      {"fps", progress.fps},
      {"speed", progress.speed},
      {"q", progress.q},
      {"size", progress.size_bytes},
      {"time", progress.time_s},
      {"drop", progress.drop},
      {"dup", progress.dup},
      {"packet", 0},
      {"bitrate", progress.bitrate_kbit * 1024},
      {"cpu", process.cpu_usage ()},
      {"memory", process.memory_bytes ()},
      {"uptime", process.seconds_in_state ()},
      {"cpu_limit", limits.cpu_usage},
      {"memory_limit", double (limits.memory_mbytes) * 1024 * 1024},
  };
  for (const auto &[name, value] : values)
    family.add ({{"process", task.id ()}, {"state", name_of (process.state ())},
                    {"order", name_of (task.order ())}, {"name", name}},
        value);
}

void
add_states (Family &family, const StateCounts &counts, const Labels &labels)
{
  for (ExecState state : kAllStates) {
    auto count = counts.find (state);
    Labels all = labels;
    all.push_back ({"state", name_of (state)});
    family.add (std::move (all), count == counts.end () ? 0 : count->second);
  }
}

void
add_streams (Family &family, const Task &task, const char *type,
    const std::vector<StreamProgress> &streams)
{
  for (const StreamProgress &stream : streams) {
    const std::pair<const char *, double> values[] = {
        {"frame", stream.frame}, {"fps", stream.fps}, {"packet", stream.packet},
        {"pps", stream.pps}, {"size", double (stream.size_kb) * 1024},
        {"bitrate", stream.bitrate_kbit * 1024},
        {"q", stream.q}, // of outputs only
    };
    for (const auto &[name, value] : values)
      if (!g_str_equal (name, "q") || g_str_equal (type, "output"))
        family.add ({{"process", task.id ()}, {"type", type}, {"id", stream.id},
                        {"index", std::to_string (stream.info.index)},
                        {"stream", std::to_string (stream.info.stream)},
                        {"media", stream.info.type}, {"name", name}},
            value);
  }
}

} // namespace

std::string
metrics_text (const ProcessManager &manager, const ApiInfo &info)
{
  using prometheus::MetricType;
  Family processes ("ffmpeg_process", "General stats per process",
      MetricType::Gauge, info.id);
  Family process_states ("ffmpeg_process_states",
      "Accumulated states per process", MetricType::Gauge, info.id);
  Family streams ("ffmpeg_process_io",
      "Stats per input and output of a process", MetricType::Gauge, info.id);
  Family totals ("ffmpeg_states_total", "Accumulated process states",
      MetricType::Counter, info.id);
  Family states ("ffmpeg_states", "Current process states", MetricType::Gauge,
      info.id);
  Family uptime ("uptime_seconds", "Number of seconds the core is up",
      MetricType::Counter, info.id);

  StateCounts now;
  for (const auto &[id, task] : manager.tasks ()) {
    add_process (processes, *task);
    add_states (process_states, task->process ().state_counts (),
        {{"process", id}});
    const ProcessProgress progress = task->progress ();
    add_streams (streams, *task, "input", progress.inputs);
    add_streams (streams, *task, "output", progress.outputs);
    now[task->process ().state ()]++;
  }
  add_states (states, now, {});
  add_states (totals, manager.state_totals (), {});
  uptime.add ({},
      double (g_get_real_time () - info.created_at_us) / G_USEC_PER_SEC);

  std::vector<prometheus::MetricFamily> families;
  for (Family *family :
      {&processes, &process_states, &streams, &states, &totals, &uptime})
    families.push_back (family->take ());
  // Through the base class, whose overload returns the text.
  const prometheus::TextSerializer serializer;
  return serializer.Serialize (families);
}

void
add_metrics_routes (Router &router, ProcessManager &manager,
    const ApiInfo &info)
{
  router.get (
      "/metrics",
      [&manager, info] (Request &request) {
        request.reply->send (200, "text/plain; version=0.0.4; charset=utf-8",
            metrics_text (manager, info));
      },
      Access::everyone);
}

} // namespace restream
