// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tools/load/load-test.h"

#include <openssl/ssl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace restream::load {

namespace {

constexpr guint kJoinTickMs = 5;
// DELETEs take no longer, or are not waited for.
constexpr unsigned kLeaveLimitMs = 5000;
constexpr unsigned kLeaveLimitPerViewerMs = 10;
constexpr std::size_t kMaxAddresses = 4; // of our own, in the offer
// Descriptors that are no viewer's.
constexpr rlim_t kSpareDescriptors = 64;

Result<void>
raise_descriptor_limit (rlim_t wanted)
{
  rlimit limit{};
  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    return {};
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit (RLIMIT_NOFILE, &limit);
    getrlimit (RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur < wanted)
    return Error{Code::unavailable,
        "the limit of open files is " + std::to_string (limit.rlim_cur)
            + " and cannot be raised, so many viewers need "
            + std::to_string (wanted) + " (ulimit -Hn)"};
  return {};
}

// By which address of ours packets go there. Sends nothing.
std::optional<std::string>
local_address_towards (GInetAddress *remote)
{
  Owned<char> text (g_inet_address_to_string (remote));
  auto to = transport::native::Address::parse (text.get (), 9);
  if (!to)
    return std::nullopt;
  const int family = to->is_ipv4 () ? AF_INET : AF_INET6;
  transport::native::Descriptor fd (
      socket (family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage name;
  socklen_t length = to->to (name, family);
  if (fd.get () < 0
      || connect (fd.get (), reinterpret_cast<sockaddr *> (&name), length) != 0)
    return std::nullopt;
  length = sizeof name;
  if (getsockname (fd.get (), reinterpret_cast<sockaddr *> (&name), &length)
      != 0)
    return std::nullopt;
  auto address = transport::native::Address::from (name);
  if (!address)
    return std::nullopt;
  return address->ip_text ();
}

std::string
seconds_text (double seconds)
{
  Owned<char> text (g_strdup_printf ("%g s", seconds));
  return text.get ();
}

} // namespace

LoadTest::LoadTest (Options options,
    std::function<void (const std::string &)> progress)
    : options_ (std::move (options)), progress_ (std::move (progress)),
      context_ (Ref<GMainContext>::retain (g_main_context_default ())),
      loop_ (Ref<GMainLoop>::adopt (g_main_loop_new (context_.get (), FALSE))),
      resolving_ (Ref<GCancellable>::adopt (g_cancellable_new ()))
{
}

LoadTest::~LoadTest () = default;

Result<void>
LoadTest::prepare ()
{
  const unsigned connections =
      std::min (options_.viewers, HttpClient::kMaxConnections);
  if (auto ok = raise_descriptor_limit (
          options_.viewers + connections + kSpareDescriptors);
      !ok)
    return ok;
  if (options_.pid) {
    server_before_ = read_usage (options_.pid);
    if (!server_before_)
      return Error{Code::not_found,
          "--pid: there is no process " + std::to_string (options_.pid)};
  }
  auto identity = transport::native::DtlsIdentity::create ();
  if (!identity)
    return identity.error ().wrap ("DTLS");
  // Nothing has been made with it yet. Zero is success here.
  const char *profiles = options_.srtp == SrtpChoice::gcm
      ? "SRTP_AEAD_AES_128_GCM"
      : "SRTP_AES128_CM_SHA1_80";
  if (options_.srtp != SrtpChoice::any
      && SSL_CTX_set_tlsext_use_srtp ((*identity)->context (), profiles) != 0)
    return Error{Code::internal, "DTLS: no such SRTP profile"};
  world_.identity = std::move (*identity);

  unsigned threads = options_.threads;
  if (!threads)
    threads = std::clamp (g_get_num_processors () / 2, 1u, 4u);
  for (unsigned i = 0; i < std::min (threads, options_.viewers); i++) {
    auto worker = Worker::create (*this);
    if (!worker)
      return worker.error ();
    workers_.push_back (std::move (*worker));
  }
  http_ = std::make_unique<HttpClient> (HttpClient::Settings{
      .token = options_.token,
      .insecure = options_.insecure,
      // Ours says more clearly what was waited for.
      .timeout_s = static_cast<unsigned> (std::ceil (options_.timeout)) + 5,
      .connections = connections,
  });
  world_.url = options_.url;
  world_.http = http_.get ();
  world_.changed = [this] { check_phase (); };
  return {};
}

Result<Report>
LoadTest::run ()
{
  if (auto ok = prepare (); !ok)
    return ok.error ();

  // Names are resolved once, for our candidates; connections do it again.
  Owned<GUri> uri (
      g_uri_parse (options_.url.c_str (), G_URI_FLAGS_NONE, nullptr));
  auto resolver = Ref<GResolver>::adopt (g_resolver_get_default ());
  g_resolver_lookup_by_name_async (
      resolver.get (), g_uri_get_host (uri.get ()), resolving_.get (),
      +[] (GObject *source, GAsyncResult *result, gpointer data) {
        Owned<GError> error;
        GList *addresses = g_resolver_lookup_by_name_finish (
            G_RESOLVER (source), result, out (error));
        static_cast<LoadTest *> (data)->resolved (addresses, error.get ());
        g_resolver_free_addresses (addresses);
      },
      this);
  phase_timer_ = Timer (context_.get (),
      static_cast<guint> (options_.timeout * 1000), [this] {
        g_cancellable_cancel (resolving_.get ());
        return false;
      });
  g_main_loop_run (loop_.get ());
  http_->finish ();
  const auto threads = static_cast<unsigned> (workers_.size ());
  workers_.clear ();
  if (cannot_begin_)
    return *cannot_begin_;
  Report report = make_report ();
  report.client_threads = threads;
  return report;
}

void
LoadTest::resolved (GList *addresses, const GError *error)
{
  phase_timer_.cancel ();
  if (interrupted_)
    return leave ();
  if (!addresses) {
    const bool late = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    cannot_begin_ = Error{Code::unavailable,
        late ? "the name in the URL was not resolved in time"
             : std::string (error->message)};
    return finish ();
  }
  for (GList *item = addresses; item; item = item->next) {
    auto local = local_address_towards (G_INET_ADDRESS (item->data));
    if (local && world_.addresses.size () < kMaxAddresses
        && std::find (world_.addresses.begin (), world_.addresses.end (),
               *local)
            == world_.addresses.end ())
      world_.addresses.push_back (*local);
  }
  begin_joining ();
}

void
LoadTest::begin_joining ()
{
  phase_ = Phase::joining;
  for (unsigned i = 0; i < options_.viewers; i++)
    viewers_.push_back (std::make_unique<Viewer> (i, i < options_.full, world_,
        *workers_[i % workers_.size ()]));
  joining_us_ = g_get_monotonic_time ();
  last_shown_.at_us = joining_us_;
  second_timer_ =
      Timer (context_.get (), 1000, [this] { return every_second (); });
  join_timer_ =
      Timer (context_.get (), kJoinTickMs, [this] { return join_due (); });
}

// Also gives up those who wait too long.
bool
LoadTest::join_due ()
{
  if (phase_ != Phase::joining)
    return false;
  const std::int64_t now = g_get_monotonic_time ();
  const double due = 1 + to_ms (now - joining_us_) / 1000 * options_.rate;
  const auto limit_us = static_cast<std::int64_t> (options_.timeout * 1e6);
  // In the order of joining; a viewer's failure may end the phase.
  for (std::size_t i = 0; phase_ == Phase::joining && i < viewers_.size ()
       && static_cast<double> (i + 1) <= due;
       i++) {
    Viewer &viewer = *viewers_[i];
    if (viewer.state () == Viewer::State::idle)
      viewer.join ();
    else if (viewer.is_joining () && now - viewer.posted_us () > limit_us)
      viewer.expire (seconds_text (options_.timeout));
  }
  return phase_ == Phase::joining;
}

// A viewer has changed: is it the last one that was waited for?
void
LoadTest::check_phase ()
{
  if (phase_ == Phase::joining) {
    bool any_plays = false;
    for (const auto &viewer : viewers_) {
      if (viewer->state () == Viewer::State::idle || viewer->is_joining ())
        return;
      any_plays |= viewer->state () == Viewer::State::playing;
    }
    any_plays ? settle () : leave ();
  } else if (phase_ == Phase::leaving) {
    if (std::none_of (viewers_.begin (), viewers_.end (),
            [] (const auto &viewer) { return viewer->is_leaving (); }))
      finish ();
  }
}

void
LoadTest::settle ()
{
  phase_ = Phase::settling;
  phase_timer_ = Timer (context_.get (),
      static_cast<guint> (options_.settle * 1000), [this] {
        measure ();
        return false;
      });
}

void
LoadTest::measure ()
{
  phase_ = Phase::measuring;
  phase_timer_ = Timer (context_.get (),
      static_cast<guint> (options_.seconds * 1000), [this] {
        finish_measuring ();
        return false;
      });
  gather<WorkerTotals> (
      [] (Worker &worker) {
        worker.begin_window ();
        return worker.totals ();
      },
      [this] (std::vector<WorkerTotals> all) {
        begin_ = sample ();
        for (const WorkerTotals &totals : all)
          begin_.totals += totals.peers;
        for (const MediaCounts &counts : begin_.totals.media)
          lost_before_ += counts.lost;
      });
}

void
LoadTest::finish_measuring ()
{
  if (phase_ != Phase::measuring)
    return;
  phase_timer_.cancel ();
  struct Found
  {
    std::vector<PeerWindow> windows;
    WorkerTotals totals;
  };
  gather<Found> (
      [] (Worker &worker) {
        return Found{worker.windows (), worker.totals ()};
      },
      [this] (std::vector<Found> all) {
        end_ = sample ();
        for (Found &found : all) {
          end_.totals += found.totals.peers;
          late_ms_ = std::max (late_ms_, to_ms (found.totals.max_late_us));
          for (PeerWindow &window : found.windows)
            windows_.push_back (std::move (window));
        }
        leave ();
      });
}

void
LoadTest::leave ()
{
  if (phase_ >= Phase::leaving)
    return;
  phase_ = Phase::leaving;
  for (const auto &viewer : viewers_)
    if (viewer->state () != Viewer::State::idle)
      viewer->leave ();
  phase_timer_ = Timer (context_.get (),
      kLeaveLimitMs + kLeaveLimitPerViewerMs * options_.viewers, [this] {
        finish ();
        return false;
      });
  // Never from within what has called us.
  post (context_.get (), [this] { check_phase (); });
}

void
LoadTest::finish ()
{
  phase_ = Phase::over;
  join_timer_.cancel ();
  second_timer_.cancel ();
  g_main_loop_quit (loop_.get ());
}

void
LoadTest::interrupt ()
{
  if (interrupted_)
    return finish ();
  interrupted_ = true;
  switch (phase_) {
    case Phase::resolving:
      g_cancellable_cancel (resolving_.get ());
      break;
    case Phase::measuring:
      finish_measuring ();
      break;
    default:
      leave ();
      break;
  }
}

LoadTest::Sample
LoadTest::sample () const
{
  rusage own{};
  getrusage (RUSAGE_SELF, &own);
  return {
      .at_us = g_get_monotonic_time (),
      .totals = {},
      .client_cpu_s =
          static_cast<double> (own.ru_utime.tv_sec + own.ru_stime.tv_sec)
          + static_cast<double> (own.ru_utime.tv_usec + own.ru_stime.tv_usec)
              / 1e6,
      .server = options_.pid ? read_usage (options_.pid) : std::nullopt,
  };
}

template <typename T>
void
LoadTest::gather (std::function<T (Worker &)> ask,
    std::function<void (std::vector<T>)> done)
{
  struct Gathering
  {
    std::vector<T> answers;
    std::size_t missing;
    std::function<void (std::vector<T>)> done;
  };
  auto gathering = std::make_shared<Gathering> (
      Gathering{{}, workers_.size (), std::move (done)});
  for (const auto &worker : workers_)
    worker->post ([this, ask, gathering] (Worker &self) {
      auto answer = std::make_shared<T> (ask (self));
      post (context_.get (), [gathering, answer] {
        gathering->answers.push_back (std::move (*answer));
        if (--gathering->missing == 0)
          gathering->done (std::move (gathering->answers));
      });
    });
}

void
LoadTest::peer_playing (unsigned id, const PeerTimes &times)
{
  post (context_.get (),
      [this, id, times] { viewers_[id]->peer_playing (times); });
}

void
LoadTest::peer_ended (unsigned id, const PeerTimes &times,
    const std::string &reason)
{
  post (context_.get (),
      [this, id, times, reason] { viewers_[id]->peer_ended (times, reason); });
}

bool
LoadTest::every_second ()
{
  if (!progress_ || phase_ >= Phase::leaving)
    return false;
  gather<WorkerTotals> ([] (Worker &worker) { return worker.totals (); },
      [this] (std::vector<WorkerTotals> all) {
        PeerTotals totals;
        for (const WorkerTotals &one : all)
          totals += one.peers;
        show (totals);
      });
  return true;
}

void
LoadTest::show (const PeerTotals &totals)
{
  Sample now = sample ();
  now.totals = totals;
  const PeerTotals more = totals - last_shown_.totals;
  const double seconds =
      std::max (to_ms (now.at_us - last_shown_.at_us) / 1000, 0.001);
  MediaCounts rate;
  for (const MediaCounts &counts : more.media)
    rate += counts;
  std::uint64_t lost = 0;
  for (const MediaCounts &counts : totals.media)
    lost += counts.lost;
  unsigned playing = 0, joining = 0, failed = 0;
  for (const auto &viewer : viewers_) {
    playing += viewer->state () == Viewer::State::playing;
    joining += viewer->is_joining ();
    failed += viewer->state () == Viewer::State::failed;
  }
  Owned<char> line (g_strdup_printf (
      "%4.0f s  %s  playing %u/%u  joining %u  failed %u  %.0f packets/s  "
      "%.1f Mbit/s  lost %" G_GUINT64_FORMAT "  client %.0f %%",
      to_ms (now.at_us - joining_us_) / 1000,
      phase_ == Phase::measuring ? "measuring" : "joining  ", playing,
      options_.viewers, joining, failed,
      static_cast<double> (rate.packets) / seconds,
      8e-6 * static_cast<double> (rate.bytes) / seconds, lost,
      100 * (now.client_cpu_s - last_shown_.client_cpu_s) / seconds));
  std::string text = line.get ();
  if (now.server && last_shown_.server) {
    Owned<char> more_text (g_strdup_printf ("  server %.0f %%",
        100 * (now.server->cpu_s () - last_shown_.server->cpu_s ()) / seconds));
    text += more_text.get ();
  }
  last_shown_ = std::move (now);
  progress_ (text);
}

} // namespace restream::load
