// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/log.h"
#include "controller/process/process-manager.h"
#include "tests/controller/process-fixture.h"

using namespace restream;

namespace {

// Writes down what it is asked; ends a stop only when told.
struct Recorder : ProcessHooks
{
  const ProcessManager *manager = nullptr;
  std::string calls;
  bool refuse = false;
  bool hold = false;
  std::vector<std::function<void ()>> held;

  std::string exec (const std::string &id) const
  {
    const Task *task = manager->find (id);
    if (!task)
      return "new";
    // A child that is stopped at once may die of the signal.
    return task->process ().running () ? name_of (task->process ().state ())
                                       : "ended";
  }
  Result<void> on_process_start (const std::string &id,
      const ProcessConfig &) override
  {
    calls += "start(" + exec (id) + ") ";
    if (refuse)
      return Error{Code::internal, "no ports left"};
    return {};
  }
  std::vector<std::string> run_arguments (const std::string &,
      const ProcessConfig &) override
  {
    return {"leg" + std::to_string (++runs), "run"};
  }
  unsigned runs = 0;
  void before_process_stop (const std::string &id) override
  {
    calls += "before(" + exec (id) + ") ";
  }
  void on_process_stop (const std::string &id,
      std::function<void ()> done) override
  {
    calls += "stop(" + exec (id) + ") ";
    if (hold)
      held.push_back (std::move (done));
    else
      done ();
  }
  void let_go ()
  {
    for (auto &done : std::exchange (held, {}))
      done ();
  }
};

struct Fixture
{
  explicit Fixture (std::uint64_t max_processes = 0)
      : manager ({{.binary = fake_ffmpeg, .stop_timeout_ms = kShortStopMs},
          max_processes})
  {
    hooks.manager = &manager;
    manager.set_hooks (&hooks);
  }
  ProcessManager manager;
  Recorder hooks;

  // The result of one of the manager's calls, once it is there.
  Result<void> wait (const std::function<void (ProcessManager::Done)> &call)
  {
    int answered = 0;
    Result<void> answer;
    call ([&] (Result<void> result) {
      answered++;
      answer = std::move (result);
    });
    wait_until ([&] { return answered > 0; });
    g_assert_cmpint (answered, ==, 1);
    return answer;
  }
  Result<void> add (ProcessConfig c)
  {
    return wait ([&] (auto done) { manager.add (std::move (c), done); });
  }
  Result<void> start (const std::string &id)
  {
    return wait ([&] (auto done) { manager.start (id, done); });
  }
  Result<void> update (const std::string &id, ProcessConfig c)
  {
    return wait ([&] (auto done) { manager.update (id, std::move (c), done); });
  }
  Result<void> remove (const std::string &id)
  {
    return wait ([&] (auto done) { manager.remove (id, done); });
  }
  bool stop (const std::string &id)
  {
    return wait ([&] (auto done) { manager.stop (id, done); }).has_value ();
  }
};

ProcessConfig
config (const std::string &id, const std::string &how = "run")
{
  ProcessConfig c;
  c.id = id;
  c.input.push_back ({"in", "x", {}, {}});
  c.output.push_back ({"out", how, {}, {}});
  return c;
}

bool
alike (const Result<void> &result, const char *message)
{
  if (!result && result.error ().what != message)
    g_test_message ("'%s'", result.error ().what.c_str ());
  return !result && result.error ().what == message;
}

void
order_of_calls ()
{
  Fixture f;
  g_assert_true (f.add (config ("a")).has_value ());
  const Task *task = f.manager.find ("a");
  g_assert_true (task->command ()
      == std::vector<std::string> ({"-i", "x", "run", "leg1", "run"}));
  g_assert_true (task->process ().arguments () == task->command ());
  g_assert_true (f.stop ("a"));
  g_assert_cmpstr (f.hooks.calls.c_str (), ==,
      "start(new) before(running) stop(ended) ");
  // A second stop finds nothing to do.
  g_assert_true (f.stop ("a"));
  g_assert_cmpstr (f.hooks.calls.c_str (), ==,
      "start(new) before(running) stop(ended) ");
}

void
double_start_does_nothing ()
{
  Fixture f;
  g_assert_true (f.add (config ("a")).has_value ());
  pid_t pid = f.manager.find ("a")->process ().pid ();
  g_assert_true (f.start ("a").has_value ());
  g_assert_cmpint (f.manager.find ("a")->process ().pid (), ==, pid);
  g_assert_cmpstr (f.hooks.calls.c_str (), ==, "start(new) ");
  g_assert_true (alike (f.add (config ("a")), "process already exists"));
}

void
refusal_is_visible ()
{
  Fixture f;
  f.hooks.refuse = true;
  g_assert_true (alike (f.add (config ("a")), "no ports left"));
  g_assert_null (f.manager.find ("a"));
  ProcessConfig c = config ("a");
  c.autostart = false;
  g_assert_true (f.add (c).has_value ());
  g_assert_true (alike (f.start ("a"), "no ports left"));
  const Task *task = f.manager.find ("a");
  g_assert_true (task->order () == Order::start);
  g_assert_true (task->process ().state () == ExecState::failed);
  g_assert_cmpstr (task->process ().log ().last_line ().c_str (), ==,
      "no ports left");
  g_assert_cmpint (task->reconnect_seconds (), ==, -1);
  // It may be ordered again.
  f.hooks.refuse = false;
  g_assert_true (f.start ("a").has_value ());
  g_assert_true (task->process ().state () == ExecState::running);
}

void
refusal_is_tried_again ()
{
  Fixture f;
  f.hooks.refuse = true;
  ProcessConfig c = config ("a");
  c.autostart = false;
  c.reconnect = true;
  g_assert_true (f.add (c).has_value ());
  g_assert_false (f.start ("a").has_value ());
  const Task *task = f.manager.find ("a");
  g_assert_cmpint (task->reconnect_seconds (), ==, 1);
  f.hooks.refuse = false;
  wait_until ([&] { return task->process ().state () == ExecState::running; });
  g_assert_cmpint (task->reconnect_seconds (), ==, -1);
}

void
reconnect_is_no_start ()
{
  Fixture f;
  ProcessConfig c = config ("a");
  c.reconnect = true;
  g_assert_true (f.add (c).has_value ());
  const FfmpegProcess &process = f.manager.find ("a")->process ();
  pid_t pid = process.pid ();
  bool restarted = false;
  f.manager.restart ("a", [&] (Result<void>) { restarted = true; });
  wait_until (
      [&] { return restarted && process.state () == ExecState::running; });
  g_assert_cmpint (process.pid (), !=, pid);
  // What the hook adds is of each run.
  g_assert_cmpstr (process.arguments ()[3].c_str (), ==, "leg2");
  g_assert_true (f.manager.find ("a")->command () == process.arguments ());
  pid = process.pid ();
  kill (pid, SIGKILL);
  wait_until ([&] {
    return process.pid () != pid && process.state () == ExecState::running;
  });
  bool reloaded = false;
  pid = process.pid ();
  f.manager.reload ("a", [&] (Result<void>) { reloaded = true; });
  wait_until ([&] { return reloaded; });
  g_assert_true (process.state () == ExecState::running);
  g_assert_cmpint (process.pid (), !=, pid);
  g_assert_cmpuint (process.log ().history ().size (), <=, 1);
  g_assert_cmpstr (f.hooks.calls.c_str (), ==, "start(new) ");
}

void
start_waits_for_the_stop_before ()
{
  Fixture f;
  f.hooks.hold = true;
  g_assert_true (f.add (config ("a")).has_value ());
  int stops = 0;
  for (int i = 0; i < 2; i++)
    f.manager.stop ("a", [&] (Result<void>) { stops++; });
  wait_until ([&] { return !f.hooks.held.empty (); });
  const Task *task = f.manager.find ("a");
  g_assert_cmpint (stops, ==, 0);
  g_assert_true (f.start ("a").has_value ());
  g_assert_true (task->order () == Order::start);
  g_assert_false (task->process ().running ());
  // Another process does not wait.
  g_assert_true (f.add (config ("b")).has_value ());
  f.hooks.let_go ();
  g_assert_cmpint (stops, ==, 2);
  g_assert_true (task->process ().running ());
  // A start that is taken back does not happen.
  f.manager.stop ("a", [&] (Result<void>) { stops++; });
  g_assert_true (f.start ("a").has_value ());
  f.manager.stop ("a", [&] (Result<void>) { stops++; });
  wait_until ([&] { return !f.hooks.held.empty (); });
  f.hooks.let_go ();
  g_assert_cmpint (stops, ==, 4);
  g_assert_false (task->process ().running ());
}

void
removal ()
{
  Fixture f;
  f.hooks.hold = true;
  g_assert_true (f.add (config ("a")).has_value ());
  int removed = 0;
  for (int i = 0; i < 2; i++)
    f.manager.remove ("a",
        [&] (Result<void> result) { removed += result.has_value (); });
  // It is no more, though FFmpeg still ends.
  g_assert_true (alike (f.start ("a"), "unknown process (a)"));
  g_assert_true (alike (f.add (config ("a")), "process already exists"));
  wait_until ([&] { return !f.hooks.held.empty (); });
  g_assert_nonnull (f.manager.find ("a"));
  f.hooks.let_go ();
  g_assert_cmpint (removed, ==, 2);
  g_assert_null (f.manager.find ("a"));
  bool refused = false;
  f.manager.remove ("a",
      [&] (Result<void> result) { refused = !result.has_value (); });
  g_assert_true (refused);
}

void
one_consumer ()
{
  Fixture f;
  Recorder other;
  other.manager = &f.manager;
  g_assert_true (f.add (config ("a")).has_value ());
  f.manager.set_hooks (&other);
  g_assert_true (f.stop ("a"));
  g_assert_cmpstr (f.hooks.calls.c_str (), ==, "start(new) ");
  g_assert_cmpstr (other.calls.c_str (), ==, "before(running) stop(ended) ");
  f.manager.set_hooks (nullptr);
  g_assert_true (f.start ("a").has_value ());
  g_assert_cmpuint (f.manager.find ("a")->command ().size (), ==, 3);
  g_assert_true (f.stop ("a"));
  g_assert_cmpstr (other.calls.c_str (), ==, "before(running) stop(ended) ");
}

void
update_keeps_or_renews_the_hook ()
{
  Fixture f;
  g_assert_true (f.add (config ("a")).has_value ());
  const Task *task = f.manager.find ("a");
  pid_t pid = task->process ().pid ();
  auto update = [&] (ProcessConfig c) {
    return f.update ("a", std::move (c)).has_value ();
  };
  // The same: nothing happens.
  g_assert_true (update (config ("a")));
  g_assert_cmpint (task->process ().pid (), ==, pid);
  ProcessConfig c = config ("a");
  c.options = {"-y"};
  g_assert_true (update (c));
  g_assert_cmpint (task->process ().pid (), !=, pid);
  g_assert_cmpstr (task->process ().arguments ()[0].c_str (), ==, "-y");
  g_assert_cmpstr (f.hooks.calls.c_str (), ==, "start(new) ");
  c.webrtc.enabled = true;
  g_assert_true (update (c));
  g_assert_true (task->process ().running ());
  g_assert_cmpstr (f.hooks.calls.c_str (), ==,
      "start(new) before(running) stop(ended) start(ended) ");
  c.input[0].address = "";
  g_assert_false (update (c));
  g_assert_true (task->process ().running ());
}

void
max_processes ()
{
  Fixture f (1);
  g_assert_true (f.add (config ("a")).has_value ());
  const char *full = "max. number of running processes (1) reached";
  g_assert_true (alike (f.add (config ("b")), full));
  g_assert_null (f.manager.find ("b"));
  ProcessConfig c = config ("b");
  c.autostart = false;
  g_assert_true (f.add (c).has_value ());
  g_assert_true (alike (f.start ("b"), full));
  g_assert_true (f.stop ("a"));
  g_assert_true (f.start ("b").has_value ());
}

void
shut_down_keeps_orders ()
{
  Fixture f;
  ProcessConfig c = config ("c");
  c.autostart = false;
  g_assert_true (f.add (config ("a")).has_value ());
  f.manager.set_hooks (nullptr);
  g_assert_true (f.add (config ("b", "ignore")).has_value ());
  const FfmpegProcess &stubborn = f.manager.find ("b")->process ();
  wait_until ([&] { return stubborn.progress ().frame > 0; });
  g_assert_true (f.add (c).has_value ());
  bool done = false;
  f.manager.shut_down ([&] { done = true; });
  wait_until ([&] { return done; });
  g_assert_true (f.manager.find ("a")->order () == Order::start);
  g_assert_true (stubborn.state () == ExecState::killed);
  g_assert_true (f.manager.find ("c")->order () == Order::stop);
  g_assert_true (alike (f.start ("c"), "shutting down"));
}

void
another_id ()
{
  Fixture f;
  ProcessConfig c = config ("a");
  g_assert_true (f.add (c).has_value ());
  g_assert_true (f.add (config ("b")).has_value ());
  Ref<JsonNode> value = *parse_json ("{\"x\":1.5}");
  g_assert_true (f.wait ([&] (auto done) {
                    f.manager.set_metadata ("a", "k", value.get (), done);
                  }).has_value ());
  f.manager.note ("a", "said before");
  c.id = "b";
  g_assert_true (alike (f.update ("a", c), "process already exists"));
  c.id = "new";
  f.hooks.calls.clear ();
  f.hooks.hold = true;
  bool renamed = false;
  f.manager.update ("a", c,
      [&] (Result<void> ok) { renamed = ok.has_value (); });
  // While the first one ends neither is there to be changed, and the new name is taken.
  g_assert_true (alike (f.start ("a"), "unknown process (a)"));
  g_assert_true (alike (f.start ("new"), "unknown process (new)"));
  g_assert_true (alike (f.add (config ("new")), "process already exists"));
  wait_until ([&] { return !f.hooks.held.empty (); });
  g_assert_false (renamed);
  f.hooks.let_go ();
  g_assert_true (renamed);
  g_assert_null (f.manager.find ("a"));
  const Task *task = f.manager.find ("new");
  g_assert_true (task->process ().running ());
  g_assert_true (task->order () == Order::start);
  g_assert_cmpstr (f.hooks.calls.c_str (), ==,
      "before(running) stop(ended) start(ended) ");
  g_assert_true (f.manager.metadata ("new")->find ("k") == value.get ());
  g_assert_null (f.manager.metadata ("a"));
  // Its log came along, as the run before.
  const auto &history = task->process ().log ().history ();
  g_assert_cmpuint (history.size (), ==, 1);
  bool found = false;
  for (const LogLine &line : history[0].lines)
    found |= line.text == "said before";
  g_assert_true (found);
  f.hooks.hold = false;
}

// Keeps what it is told until the test says how the write ended.
struct HeldStore : StateStore
{
  std::map<std::string, ProcessRecord> records;
  Metadata app;
  std::vector<Done> waiting;
  std::function<void ()> failed;

  Result<void> put (const ProcessRecord &record) override
  {
    records[record.config.id] = record;
    return {};
  }
  void erase (const std::string &id) override { records.erase (id); }
  Result<void> put_app_metadata (const Metadata &metadata) override
  {
    app = metadata;
    return {};
  }
  void commit (Done done) override { waiting.push_back (std::move (done)); }
  void set_on_failure (std::function<void ()> on_failure) override
  {
    failed = std::move (on_failure);
  }
  void end_write (bool well)
  {
    auto dones = std::exchange (waiting, {});
    if (!well)
      failed ();
    for (Done &done : dones)
      done (well ? Result<void> () : Error{Code::unavailable, "disk full"});
  }
};

struct StoredFixture : Fixture
{
  StoredFixture () { manager.set_store (&store); }
  HeldStore store;
  std::string answers;

  ProcessManager::Done note (const char *what)
  {
    return [this, what] (Result<void> ok) {
      answers += std::string (what) + (ok ? "+ " : "- ");
    };
  }
  void expect (const char *wanted)
  {
    g_assert_cmpstr (answers.c_str (), ==, wanted);
    answers.clear ();
  }
};

void
stored_before_done ()
{
  StoredFixture f;
  f.manager.add (config ("a"), f.note ("add"));
  f.manager.add (config ("a"), f.note ("again"));
  g_assert_null (f.manager.find ("a"));
  f.expect ("again- ");
  g_assert_true (f.store.records["a"].order == Order::start);
  f.store.end_write (true);
  f.expect ("add+ ");
  const Task *task = f.manager.find ("a");
  g_assert_true (task->process ().running ());
  pid_t pid = task->process ().pid ();

  // Two updates at a time: the second is laid over the first.
  ProcessConfig c = *f.manager.latest_config ("a");
  c.options = {"-y"};
  f.manager.update ("a", c, f.note ("first"));
  c = *f.manager.latest_config ("a");
  g_assert_true (c.options == std::vector<std::string>{"-y"});
  c.reference = "r";
  f.manager.update ("a", c, f.note ("second"));
  g_assert_cmpint (task->process ().pid (), ==, pid);
  f.store.end_write (true);
  wait_until ([&] { return f.answers == "first+ second+ "; });
  f.answers.clear ();
  g_assert_true (task->config () == c);
  g_assert_true (f.store.records["a"].config == c);

  // In the order in which they came: it runs in the end.
  f.manager.stop ("a", f.note ("stop"));
  f.manager.start ("a", f.note ("start"));
  g_assert_true (f.store.records["a"].order == Order::start);
  f.store.end_write (true);
  wait_until ([&] { return f.answers.size () == 13; });
  g_assert_true (task->process ().running ());
  f.answers.clear ();

  f.manager.remove ("a", f.note ("remove"));
  g_assert_true (f.store.records.empty ());
  g_assert_true (task->process ().running ());
  f.store.end_write (true);
  wait_until ([&] { return f.answers == "remove+ "; });
  g_assert_null (f.manager.find ("a"));
}

void
refused_add_is_taken_out ()
{
  StoredFixture f;
  f.hooks.refuse = true;
  f.manager.add (config ("a"), f.note ("add"));
  f.store.end_write (true);
  g_assert_true (f.store.records.empty ());
  f.expect ("");
  f.store.end_write (true);
  f.expect ("add- ");
  // The same if its removal cannot be written.
  f.manager.add (config ("a"), f.note ("add"));
  f.store.end_write (true);
  f.store.end_write (false);
  f.expect ("add- ");
  f.hooks.refuse = false;
  f.manager.add (config ("a"), f.note ("add"));
  f.store.end_write (true);
  f.expect ("add+ ");
}

void
a_failed_write_changes_nothing ()
{
  StoredFixture f;
  ProcessConfig stopped = config ("s");
  stopped.autostart = false;
  f.manager.add (config ("a"), f.note ("a"));
  f.manager.add (stopped, f.note ("s"));
  f.manager.add (config ("stop"), f.note ("stop"));
  f.store.end_write (true);
  f.expect ("a+ s+ stop+ ");
  const Task *task = f.manager.find ("a");
  pid_t pid = task->process ().pid ();
  auto before = f.store.records;

  ProcessConfig c = config ("a");
  c.options = {"-y"};
  f.manager.update ("a", c, f.note ("update"));
  c.id = "moved";
  f.manager.update ("a", c, f.note ("rename"));
  f.manager.start ("s", f.note ("start"));
  f.manager.add (config ("b"), f.note ("add"));
  f.manager.remove ("s", f.note ("remove"));
  Ref<JsonNode> value = *parse_json ("\"v\"");
  f.manager.set_metadata ("stop", "k", value.get (), f.note ("meta"));
  f.manager.set_app_metadata ("k", value.get (), f.note ("app"));
  f.manager.stop ("stop", f.note ("halt"));
  f.store.end_write (false);
  wait_until ([&] { return f.answers.find ("halt") != std::string::npos; });
  f.expect ("update- rename- start- add- remove- meta- app- halt- ");
  g_assert_cmpint (task->process ().pid (), ==, pid);
  g_assert_true (task->config () == config ("a"));
  g_assert_true (*f.manager.latest_config ("a") == config ("a"));
  g_assert_null (f.manager.find ("b"));
  g_assert_null (f.manager.find ("moved"));
  g_assert_true (f.manager.find ("s")->order () == Order::stop);
  g_assert_true (f.manager.metadata ("stop")->empty ());
  g_assert_true (f.manager.app_metadata ().empty ());
  g_assert_true (f.store.app.empty ());
  // The stop has happened, and is what the store is to keep.
  g_assert_true (f.manager.find ("stop")->order () == Order::stop);
  g_assert_false (f.manager.find ("stop")->process ().running ());
  g_assert_cmpuint (f.store.records.size (), ==, before.size ());
  for (const auto &[id, record] : before)
    g_assert_true (f.store.records[id].config == record.config);
  g_assert_true (f.store.records["stop"].order == Order::stop);
  g_assert_true (f.store.records["s"].order == Order::stop);

  // And life goes on.
  f.manager.start ("stop", f.note ("start"));
  f.manager.add (config ("b"), f.note ("add"));
  f.manager.remove ("a", f.note ("remove"));
  f.store.end_write (true);
  wait_until ([&] { return f.answers.size () == 20; });
  g_assert_true (f.manager.find ("stop")->process ().running ());
}

void
restored ()
{
  StoredFixture f;
  ProcessRecord record;
  record.config = config ("runs");
  record.order = Order::start;
  record.created_at_s = 10;
  record.updated_at_s = 20;
  g_assert_true (f.manager.restore (record).has_value ());
  g_assert_false (f.manager.restore (record).has_value ());
  record.config = config ("bad");
  record.config.input[0].address = "";
  g_assert_true (f.manager.restore (record).has_value ());
  record.config = config ("worse");
  record.invalid = "cannot be read";
  g_assert_true (f.manager.restore (record).has_value ());
  f.manager.start_ordered ();
  g_assert_cmpint (f.manager.find ("runs")->created_at_s, ==, 10);
  g_assert_true (f.manager.find ("runs")->process ().running ());
  for (const char *id : {"bad", "worse"}) {
    const Task *task = f.manager.find (id);
    g_assert_true (task->order () == Order::start);
    g_assert_true (task->process ().state () == ExecState::failed);
    g_assert_cmpstr (task->process ().log ().last_line ().c_str (), !=, "");
  }
  f.manager.start ("worse", f.note ("start"));
  f.manager.reload ("worse", f.note ("reload"));
  f.expect ("start- reload- ");
  // Repaired, also by what it says already; and taken away.
  f.manager.update ("worse", config ("worse"), f.note ("update"));
  f.manager.remove ("bad", f.note ("remove"));
  f.store.end_write (true);
  wait_until ([&] { return f.answers == "update+ remove+ "; });
  g_assert_true (f.manager.find ("worse")->process ().running ());
  g_assert_null (f.manager.find ("bad"));
}

void
unknown_ids ()
{
  Fixture f;
  g_assert_true (alike (f.start ("x"), "unknown process (x)"));
  int errors = 0;
  auto count = [&] (Result<void> result) { errors += !result.has_value (); };
  f.manager.stop ("x", count);
  f.manager.restart ("x", count);
  f.manager.reload ("x", count);
  f.manager.remove ("x", count);
  f.manager.update ("x", config ("x"), count);
  f.manager.set_metadata ("x", "k", nullptr, count);
  g_assert_cmpint (errors, ==, 6);
  g_assert_null (f.manager.latest_config ("x"));
  g_assert_null (f.manager.metadata ("x"));
}

} // namespace

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, nullptr);
  log_init (LogLevel::silent);
  g_assert_cmpint (argc, ==, 2);
  fake_ffmpeg = argv[1];
  g_test_add_func ("/process-manager/order-of-calls", order_of_calls);
  g_test_add_func ("/process-manager/double-start", double_start_does_nothing);
  g_test_add_func ("/process-manager/refusal", refusal_is_visible);
  g_test_add_func ("/process-manager/refusal-retried", refusal_is_tried_again);
  g_test_add_func ("/process-manager/reconnect", reconnect_is_no_start);
  g_test_add_func ("/process-manager/start-while-stopping",
      start_waits_for_the_stop_before);
  g_test_add_func ("/process-manager/removal", removal);
  g_test_add_func ("/process-manager/one-consumer", one_consumer);
  g_test_add_func ("/process-manager/update", update_keeps_or_renews_the_hook);
  g_test_add_func ("/process-manager/max-processes", max_processes);
  g_test_add_func ("/process-manager/shut-down", shut_down_keeps_orders);
  g_test_add_func ("/process-manager/another-id", another_id);
  g_test_add_func ("/process-manager/stored-before-done", stored_before_done);
  g_test_add_func ("/process-manager/refused-add", refused_add_is_taken_out);
  g_test_add_func ("/process-manager/failed-write",
      a_failed_write_changes_nothing);
  g_test_add_func ("/process-manager/restored", restored);
  g_test_add_func ("/process-manager/unknown-ids", unknown_ids);
  return g_test_run ();
}
