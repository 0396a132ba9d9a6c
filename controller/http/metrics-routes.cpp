// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/routes.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <map>

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

} // namespace

std::string
metrics_text (const ProcessManager &manager, const ApiInfo &info)
{
  using prometheus::MetricType;
  Family processes ("ffmpeg_process", "General stats per process",
      MetricType::Gauge, info.id);
  Family states ("ffmpeg_states", "Current process states", MetricType::Gauge,
      info.id);
  Family uptime ("uptime_seconds", "Number of seconds the core is up",
      MetricType::Counter, info.id);

  std::map<ExecState, unsigned> count;
  for (const auto &[id, task] : manager.tasks ()) {
    add_process (processes, *task);
    count[task->process ().state ()]++;
  }
  for (ExecState state : kAllStates)
    states.add ({{"state", name_of (state)}}, count[state]);
  uptime.add ({},
      double (g_get_real_time () - info.created_at_us) / G_USEC_PER_SEC);

  std::vector<prometheus::MetricFamily> families;
  for (Family *family : {&processes, &states, &uptime})
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
