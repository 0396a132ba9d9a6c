// SPDX-License-Identifier: LGPL-2.1-or-later
// A bare rtprestreamsrc between a real socket that sends to it and two pads
// that remember everything they get.
#pragma once

#include "common/media.h"
#include "common/ref.h"
#include "tests/src/packets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

// Last, because it makes macros of words such as fail.
#include <gst/check/gstcheck.h>

namespace srctest {

using packets::Bytes;
using restream::index_of;
using restream::kMediaCount;
using restream::Media;
using restream::Owned;
using restream::Ref;

// Far longer than anything takes that works.
inline constexpr std::chrono::seconds kDeadline{20};

struct Item
{
  Ref<GstEvent> event;
  Ref<GstBuffer> buffer; // one or the other
};

inline Bytes
bytes_of (GstBuffer *buffer)
{
  Bytes bytes (gst_buffer_get_size (buffer));
  gst_buffer_extract (buffer, 0, bytes.data (), bytes.size ());
  return bytes;
}

// The far end of one pad.
class Recorder
{
public:
  explicit Recorder (Media media)
  {
    // Without a template a pad takes no caps but its first.
    static GstStaticPadTemplate any = GST_STATIC_PAD_TEMPLATE ("sink",
        GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
    pad_ = Ref<GstPad>::sink (
        gst_pad_new_from_static_template (&any, name_of (media)));
    gst_pad_set_element_private (pad_.get (), this);
    gst_pad_set_chain_list_function (pad_.get (), chain_list);
    gst_pad_set_chain_function (pad_.get (), chain);
    gst_pad_set_event_function (pad_.get (), event);
    gst_pad_set_active (pad_.get (), TRUE);
  }
  ~Recorder () { gst_pad_set_active (pad_.get (), FALSE); }
  Recorder (const Recorder &) = delete;
  Recorder &operator= (const Recorder &) = delete;

  GstPad *pad () const { return pad_.get (); }

  // What the next pushes are answered with.
  void answer (GstFlowReturn flow)
  {
    const std::lock_guard guard (lock_);
    flow_ = flow;
  }

  // Waits until the predicate holds; fails the test if it never does.
  void wait (const char *what,
      const std::function<bool (const std::vector<Item> &)> &predicate)
  {
    std::unique_lock guard (lock_);
    const bool ok = changed_.wait_for (guard, kDeadline,
        [&] { return predicate (items_); });
    guard.unlock ();
    fail_unless (ok, "waited in vain on %s for %s", GST_PAD_NAME (pad_.get ()),
        what);
  }
  void wait_buffers (std::size_t n)
  {
    wait ("buffers", [n] (const auto &items) {
      return n <= static_cast<std::size_t> (
                 std::ranges::count_if (items, [] (const Item &item) {
                   return static_cast<bool> (item.buffer);
                 }));
    });
  }
  void wait_event (GstEventType type)
  {
    wait (gst_event_type_get_name (type), [type] (const auto &items) {
      return std::ranges::any_of (items, [type] (const Item &item) {
        return item.event && GST_EVENT_TYPE (item.event.get ()) == type;
      });
    });
  }

  std::vector<Item> items () const
  {
    const std::lock_guard guard (lock_);
    return items_;
  }
  std::vector<Ref<GstBuffer>> buffers () const
  {
    std::vector<Ref<GstBuffer>> found;
    for (const Item &item : items ())
      if (item.buffer)
        found.push_back (item.buffer);
    return found;
  }
  std::vector<Ref<GstEvent>> events (GstEventType type) const
  {
    std::vector<Ref<GstEvent>> found;
    for (const Item &item : items ())
      if (item.event && GST_EVENT_TYPE (item.event.get ()) == type)
        found.push_back (item.event);
    return found;
  }
  // "stream-start caps segment buffer": what came, in order.
  std::string order () const
  {
    std::string text;
    for (const Item &item : items ()) {
      if (!text.empty ())
        text += ' ';
      text += item.buffer ? "buffer" : GST_EVENT_TYPE_NAME (item.event.get ());
    }
    return text;
  }
  void clear ()
  {
    const std::lock_guard guard (lock_);
    items_.clear ();
  }
  void expect_order (const char *expected) const
  {
    const std::string got = order ();
    fail_unless_equals_string (got.c_str (), expected);
  }
  Ref<GstCaps> caps () const
  {
    return Ref<GstCaps>::adopt (gst_pad_get_current_caps (pad_.get ()));
  }

private:
  static Recorder &of (GstPad *pad)
  {
    return *static_cast<Recorder *> (gst_pad_get_element_private (pad));
  }
  void add (Item item)
  {
    const std::lock_guard guard (lock_);
    items_.push_back (std::move (item));
    changed_.notify_all ();
  }
  static GstFlowReturn chain (GstPad *pad, GstObject *, GstBuffer *buffer)
  {
    Recorder &self = of (pad);
    self.add ({.buffer = Ref<GstBuffer>::adopt (buffer)});
    const std::lock_guard guard (self.lock_);
    return self.flow_;
  }
  static GstFlowReturn chain_list (GstPad *pad, GstObject *,
      GstBufferList *list)
  {
    Recorder &self = of (pad);
    for (guint i = 0; i < gst_buffer_list_length (list); i++)
      self.add (
          {.buffer = Ref<GstBuffer>::retain (gst_buffer_list_get (list, i))});
    gst_buffer_list_unref (list);
    const std::lock_guard guard (self.lock_);
    return self.flow_;
  }
  static gboolean event (GstPad *pad, GstObject *, GstEvent *event)
  {
    of (pad).add ({.event = Ref<GstEvent>::adopt (event)});
    return TRUE;
  }

  Ref<GstPad> pad_;
  mutable std::mutex lock_;
  std::condition_variable changed_;
  std::vector<Item> items_;
  GstFlowReturn flow_ = GST_FLOW_OK;
};

// A program that sends to the ports.
class Sender
{
public:
  Sender () : fd_ (socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  {
    fail_unless (fd_ >= 0);
    const int size = 4 << 20;
    setsockopt (fd_, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
  ~Sender () { close (fd_); }
  Sender (const Sender &) = delete;
  Sender &operator= (const Sender &) = delete;

  void send (unsigned port, const Bytes &bytes) const
  {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    to.sin_port = htons (static_cast<std::uint16_t> (port));
    const ssize_t sent = sendto (fd_, bytes.data (), bytes.size (), 0,
        reinterpret_cast<sockaddr *> (&to), sizeof to);
    fail_unless_equals_int (sent, static_cast<ssize_t> (bytes.size ()));
  }

private:
  int fd_;
};

class Fixture
{
public:
  explicit Fixture (bool link = true)
      : element_ (Ref<GstElement>::sink (
          gst_element_factory_make ("rtprestreamsrc", nullptr))),
        bus_ (Ref<GstBus>::adopt (gst_bus_new ())),
        clock_ (Ref<GstClock>::adopt (gst_system_clock_obtain ())),
        video (Media::video), audio (Media::audio)
  {
    fail_unless (static_cast<bool> (element_));
    gst_element_set_bus (element (), bus_.get ());
    gst_element_set_clock (element (), clock_.get ());
    gst_element_set_base_time (element (), gst_clock_get_time (clock_.get ()));
    if (link) {
      link_pad (video);
      link_pad (audio);
    }
  }
  ~Fixture ()
  {
    to (GST_STATE_NULL);
    gst_element_set_bus (element (), nullptr);
  }
  Fixture (const Fixture &) = delete;
  Fixture &operator= (const Fixture &) = delete;

  GstElement *element () const { return element_.get (); }
  GstBus *bus () const { return bus_.get (); }

  void link_pad (Recorder &recorder)
  {
    auto pad = Ref<GstPad>::adopt (gst_element_get_static_pad (element (),
        GST_PAD_NAME (recorder.pad ())));
    fail_unless_equals_int (gst_pad_link (pad.get (), recorder.pad ()),
        GST_PAD_LINK_OK);
  }

  GstStateChangeReturn to (GstState state)
  {
    return gst_element_set_state (element (), state);
  }
  void play ()
  {
    fail_unless_equals_int (to (GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
  }

  unsigned port (Media media = Media::video) const
  {
    unsigned port = 0;
    g_object_get (element (), "port", &port, nullptr);
    return port + static_cast<unsigned> (index_of (media));
  }
  void send (Media media, const Bytes &bytes) const
  {
    sender_.send (port (media), bytes);
  }

  // A field of stats, such as "video.dropped.malformed"; 0 if absent.
  std::uint64_t stat (const std::string &path) const
  {
    GstStructure *all = nullptr;
    g_object_get (element (), "stats", &all, nullptr);
    const Owned<GstStructure> owner (all);
    const GstStructure *s = all;
    std::size_t at = 0;
    for (std::size_t dot; (dot = path.find ('.', at)) != path.npos;
         at = dot + 1) {
      const GValue *v =
          gst_structure_get_value (s, path.substr (at, dot - at).c_str ());
      if (!v)
        return 0;
      s = gst_value_get_structure (v);
    }
    const std::string name = path.substr (at);
    guint64 u64 = 0;
    guint u = 0;
    if (gst_structure_get_uint64 (s, name.c_str (), &u64))
      return u64;
    return gst_structure_get_uint (s, name.c_str (), &u) ? u : 0;
  }
  void wait_stat (const char *path, std::uint64_t value) const
  {
    const auto end = std::chrono::steady_clock::now () + kDeadline;
    while (stat (path) < value && std::chrono::steady_clock::now () < end)
      g_usleep (1000);
    fail_unless_equals_uint64 (stat (path), value);
  }

  // The next message of a type, or none within the deadline.
  Ref<GstMessage> message (GstMessageType type, bool wait = true)
  {
    return Ref<GstMessage>::adopt (gst_bus_timed_pop_filtered (bus_.get (),
        wait ? std::chrono::nanoseconds (kDeadline).count () : 0, type));
  }
  Ref<GstMessage> element_message (const char *name)
  {
    while (auto m = message (GST_MESSAGE_ELEMENT))
      if (gst_message_has_name (m.get (), name))
        return m;
    fail ("no message %s", name);
    return {};
  }
  // Domain and code of the next error message.
  std::pair<GQuark, int> error (std::string *text = nullptr)
  {
    const auto m = message (GST_MESSAGE_ERROR);
    fail_unless (static_cast<bool> (m));
    Owned<GError> error;
    gst_message_parse_error (m.get (), out (error), nullptr);
    if (text)
      *text = error->message;
    return {error->domain, error->code};
  }

private:
  Ref<GstElement> element_;
  Ref<GstBus> bus_;
  Ref<GstClock> clock_;
  Sender sender_;

public:
  Recorder video, audio;
};

} // namespace srctest
