// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/context-thread.h"
#include "common/ref.h"
#include "common/result.h"
#include "common/signal-conn.h"

#include <atomic>
#include <string>

using namespace restream;

static void
ref_counts ()
{
  GstCaps *caps = gst_caps_new_empty_simple ("a/b");
  {
    auto a = Ref<GstCaps>::adopt (caps);
    g_assert_cmpint (GST_CAPS_REFCOUNT (caps), ==, 1);
    auto b = a;
    g_assert_cmpint (GST_CAPS_REFCOUNT (caps), ==, 2);
    auto c = std::move (b);
    g_assert_cmpint (GST_CAPS_REFCOUNT (caps), ==, 2);
    g_assert_false (static_cast<bool> (b));
    a = nullptr;
    g_assert_cmpint (GST_CAPS_REFCOUNT (caps), ==, 1);
    caps = c.release ();
  }
  g_assert_cmpint (GST_CAPS_REFCOUNT (caps), ==, 1);
  gst_caps_unref (caps);
}

static void
ref_sinks_floating ()
{
  auto bin = Ref<GstElement>::sink (gst_bin_new ("x"));
  g_assert_false (g_object_is_floating (bin.get ()));
  g_assert_cmpint (GST_OBJECT_REFCOUNT_VALUE (bin.get ()), ==, 1);
}

static void
owned_takes_out_parameter ()
{
  Owned<GError> error;
  Owned<char> text;
  g_assert_false (g_file_get_contents ("/does/not/exist", out (text), nullptr,
      out (error)));
  g_assert_nonnull (error.get ());
}

static Result<int>
half (int n)
{
  if (n % 2)
    return Error{Code::bad_request, "odd"};
  return n / 2;
}

static void
result_carries_value_or_error ()
{
  g_assert_cmpint (*half (4), ==, 2);
  auto odd = half (3);
  g_assert_false (odd.has_value ());
  Error wrapped = odd.error ().wrap ("halving");
  g_assert_cmpstr (wrapped.what.c_str (), ==, "halving: odd");
  g_assert_cmpuint (http_status (odd.error ().code), ==, 400);
}

static void
posts_run_in_order_on_the_owner ()
{
  std::string order;
  {
    ContextThread thread ("test");
    for (char c : {'a', 'b', 'c'})
      post (thread.context (), [&order, &thread, c] {
        g_assert_true (thread.is_current ());
        order += c;
      });
  }
  g_assert_cmpstr (order.c_str (), ==, "abc");
}

static void
post_to_a_dead_object_is_dropped ()
{
  struct Counter
  {
    int calls = 0;
  };
  std::atomic<int> alive{0}, dead{0};
  {
    ContextThread thread ("test");
    auto kept = std::make_shared<Counter> ();
    auto gone = std::make_shared<Counter> ();
    post (thread.context (), std::weak_ptr (kept),
        [&alive] (Counter &) { alive++; });
    std::weak_ptr weak (gone);
    gone.reset ();
    post (thread.context (), weak, [&dead] (Counter &) { dead++; });
    std::atomic<bool> done{false};
    post (thread.context (), [&done] { done = true; });
    while (!done)
      g_usleep (1000);
  }
  g_assert_cmpint (alive, ==, 1);
  g_assert_cmpint (dead, ==, 0);
}

static void
signal_connection_ends_with_its_owner ()
{
  auto bin = Ref<GstElement>::sink (gst_bin_new ("x"));
  int calls = 0;
  {
    SignalConn conn (bin.get (), "notify::name",
        G_CALLBACK (+[] (GObject *, GParamSpec *, int *n) { ++*n; }), &calls);
    g_object_set (bin.get (), "name", "y", nullptr);
  }
  g_object_set (bin.get (), "name", "z", nullptr);
  g_assert_cmpint (calls, ==, 1);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/common/ref/counts", ref_counts);
  g_test_add_func ("/common/ref/floating", ref_sinks_floating);
  g_test_add_func ("/common/owned/out", owned_takes_out_parameter);
  g_test_add_func ("/common/result", result_carries_value_or_error);
  g_test_add_func ("/common/post/order", posts_run_in_order_on_the_owner);
  g_test_add_func ("/common/post/dead", post_to_a_dead_object_is_dropped);
  g_test_add_func ("/common/signal-conn",
      signal_connection_ends_with_its_owner);
  return g_test_run ();
}
