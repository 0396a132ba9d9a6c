// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/transport/packet-batch.h"

#include <gst/gst.h>

#include <vector>

using namespace restream;
using namespace restream::transport;

static Ref<GstBufferList>
packets (unsigned n)
{
  auto list = Ref<GstBufferList>::adopt (gst_buffer_list_new ());
  for (unsigned i = 0; i < n; i++) {
    std::vector<guint8> bytes (100, 0);
    bytes[0] = 0x80;
    bytes[1] = (i + 1 == n ? 0x80 : 0) | 96; // marker on the last
    bytes[3] = static_cast<guint8> (i);
    bytes[50] = static_cast<guint8> (i);
    GstBuffer *buffer = gst_buffer_new_memdup (bytes.data (), bytes.size ());
    GST_BUFFER_PTS (buffer) = i * GST_MSECOND;
    gst_buffer_list_add (list.get (), buffer);
  }
  return list;
}

static guint8
byte_at (const Ref<GstBufferList> &list, unsigned packet, gsize offset)
{
  guint8 byte = 0;
  g_assert_cmpuint (
      gst_buffer_extract (gst_buffer_list_get (list.get (), packet), offset,
          &byte, 1),
      ==, 1);
  return byte;
}

static void
check_list (const Ref<GstBufferList> &list, unsigned n, guint8 payload_type)
{
  g_assert_cmpuint (gst_buffer_list_length (list.get ()), ==, n);
  for (unsigned i = 0; i < n; i++) {
    g_assert_cmpuint (
        gst_buffer_get_size (gst_buffer_list_get (list.get (), i)), ==, 100);
    g_assert_cmpuint (byte_at (list, i, 0), ==, 0x80);
    g_assert_cmpuint (byte_at (list, i, 1), ==,
        (i + 1 == n ? 0x80 : 0) | payload_type);
    g_assert_cmpuint (byte_at (list, i, 3), ==, i);
    g_assert_cmpuint (byte_at (list, i, 50), ==, i);
    g_assert_cmpuint (GST_BUFFER_PTS (gst_buffer_list_get (list.get (), i)), ==,
        i * GST_MSECOND);
  }
}

static void
each_payload_type_has_its_list ()
{
  PacketBatch batch (Media::video, 90000, packets (3), 300, 0, std::nullopt);
  Ref<GstBufferList> a = batch.list (102);
  Ref<GstBufferList> b = batch.list (127);
  check_list (a, 3, 102);
  check_list (b, 3, 127);
  check_list (batch.list (102), 3, 102);
}

static void
one_list_serves_all_of_a_payload_type ()
{
  PacketBatch batch (Media::video, 90000, packets (2), 200, 0, std::nullopt);
  g_assert_true (batch.list (102).get () == batch.list (102).get ());
  g_assert_true (batch.list (103).get () == batch.list (103).get ());
}

static void
payloads_are_shared_not_copied ()
{
  PacketBatch batch (Media::video, 90000, packets (1), 100, 0, std::nullopt);
  GstMapInfo a, b;
  GstBuffer *first = gst_buffer_list_get (batch.list (102).get (), 0);
  GstBuffer *second = gst_buffer_list_get (batch.list (103).get (), 0);
  GstMemory *payload =
      gst_buffer_peek_memory (second, gst_buffer_n_memory (second) - 1);
  g_assert_true (gst_buffer_map (first, &a, GST_MAP_READ));
  g_assert_true (gst_memory_map (payload, &b, GST_MAP_READ));
  g_assert_true (b.data == a.data + 12);
  gst_memory_unmap (payload, &b);
  gst_buffer_unmap (first, &a);
}

static void
a_joining_viewer_gets_the_rest ()
{
  PacketBatch batch (Media::video, 90000, packets (4), 400, 0, 2u);
  Ref<GstBufferList> rest = batch.list_from_join (110);
  g_assert_cmpuint (gst_buffer_list_length (rest.get ()), ==, 2);
  g_assert_cmpuint (byte_at (rest, 0, 3), ==, 2);
  check_list (batch.list (110), 4, 110);
}

// Over batches, over the wrap, and with a late one.
static void
numbers_do_not_wrap ()
{
  std::optional<std::uint64_t> highest;
  auto batch_of = [&] (std::vector<std::uint16_t> numbers, bool marker) {
    auto list = Ref<GstBufferList>::adopt (gst_buffer_list_new ());
    for (std::uint16_t number : numbers) {
      guint8 bytes[20] = {0x80, static_cast<guint8> (marker ? 0xe0 : 0x60),
          static_cast<guint8> (number >> 8), static_cast<guint8> (number)};
      gst_buffer_list_add (list.get (),
          gst_buffer_new_memdup (bytes, sizeof bytes));
    }
    PacketBatch batch (Media::video, 90000, std::move (list), 20, 0,
        std::nullopt);
    batch.extend_sequence (highest);
    return batch;
  };
  PacketBatch first = batch_of ({2, 1, 65535}, false);
  g_assert_cmpuint (first.sequence (0), ==, 0x10002);
  g_assert_cmpuint (first.sequence (2), ==, 0xffff);
  g_assert_cmpuint (first.highest (), ==, 0x10002);
  g_assert_false (first.ends_frame ());
  for (std::uint16_t at : {30000, 60000})
    batch_of ({at}, true);
  PacketBatch wrapped = batch_of ({65534, 3}, true);
  g_assert_cmpuint (wrapped.sequence (0), ==, 0x1fffe);
  g_assert_cmpuint (wrapped.sequence (1), ==, 0x20003);
  g_assert_true (wrapped.ends_frame ());
  PacketBatch late = batch_of ({65535}, true);
  g_assert_cmpuint (late.sequence (0), ==, 0x1ffff);
  g_assert_cmpuint (late.highest (), ==, 0x20003);
}

static void
a_header_of_its_own ()
{
  Ref<GstBufferList> list = packets (1);
  GstBuffer *packet = gst_buffer_list_get (list.get (), 0);
  Ref<GstBuffer> other = with_header (packet, 100, 0x1234, 0x56789abc);
  guint8 header[12];
  gst_buffer_extract (other.get (), 0, header, sizeof header);
  g_assert_cmpuint (header[1], ==, 0x80 | 100);
  g_assert_true (has_marker (other.get ()));
  g_assert_cmpuint (GST_READ_UINT16_BE (header + 2), ==, 0x1234);
  g_assert_cmpuint (GST_READ_UINT32_BE (header + 4), ==, 0x56789abc);
  guint8 before = 1;
  gst_buffer_extract (packet, 2, &before, 1);
  g_assert_cmpuint (before, ==, 0); // the other one is as it was
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, nullptr);
  g_test_add_func ("/transport/packet-batch/numbers", numbers_do_not_wrap);
  g_test_add_func ("/transport/packet-batch/own-header", a_header_of_its_own);
  g_test_add_func ("/transport/packet-batch/payload-types",
      each_payload_type_has_its_list);
  g_test_add_func ("/transport/packet-batch/shared-list",
      one_list_serves_all_of_a_payload_type);
  g_test_add_func ("/transport/packet-batch/shared-payload",
      payloads_are_shared_not_copied);
  g_test_add_func ("/transport/packet-batch/join",
      a_joining_viewer_gets_the_rest);
  return g_test_run ();
}
