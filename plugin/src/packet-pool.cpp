// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/src/packet-pool.h"

namespace {
using restream::src::kMaxIdle;
using restream::src::kSlotBytes;
} // namespace

G_BEGIN_DECLS

typedef struct _RestreamPacketPool
{
  GstBufferPool parent;
  GstAtomicQueue *idle;
} RestreamPacketPool;

typedef struct _RestreamPacketPoolClass
{
  GstBufferPoolClass parent_class;
} RestreamPacketPoolClass;

static GType restream_packet_pool_get_type (void);

G_DEFINE_TYPE (RestreamPacketPool, restream_packet_pool, GST_TYPE_BUFFER_POOL)

G_END_DECLS

static RestreamPacketPool *
packet_pool (gpointer object)
{
  return reinterpret_cast<RestreamPacketPool *> (object);
}

static GstFlowReturn
restream_packet_pool_acquire (GstBufferPool *pool, GstBuffer **buffer,
    GstBufferPoolAcquireParams *)
{
  if (GST_BUFFER_POOL_IS_FLUSHING (pool))
    return GST_FLOW_FLUSHING;
  auto *b = static_cast<GstBuffer *> (
      gst_atomic_queue_pop (packet_pool (pool)->idle));
  if (!b) {
    b = gst_buffer_new_allocate (nullptr, kSlotBytes, nullptr);
    if (!b)
      return GST_FLOW_ERROR;
    // From here on the flag says that somebody exchanged the memory.
    GST_BUFFER_FLAG_UNSET (b, GST_BUFFER_FLAG_TAG_MEMORY);
  }
  *buffer = b;
  return GST_FLOW_OK;
}

static void
restream_packet_pool_release (GstBufferPool *pool, GstBuffer *buffer)
{
  GstAtomicQueue *idle = packet_pool (pool)->idle;
  // Reusable only if the memory is the one it was made with and nobody else
  // holds it.
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_TAG_MEMORY)
      || gst_buffer_get_size (buffer) != kSlotBytes
      || !gst_buffer_is_all_memory_writable (buffer)
      || GST_BUFFER_POOL_IS_FLUSHING (pool)
      || gst_atomic_queue_length (idle) >= kMaxIdle)
    gst_buffer_unref (buffer);
  else
    gst_atomic_queue_push (idle, buffer);
}

static void
restream_packet_pool_drain (RestreamPacketPool *self)
{
  while (auto *b = static_cast<GstBuffer *> (gst_atomic_queue_pop (self->idle)))
    gst_buffer_unref (b);
}

static gboolean
restream_packet_pool_stop (GstBufferPool *pool)
{
  restream_packet_pool_drain (packet_pool (pool));
  return GST_BUFFER_POOL_CLASS (restream_packet_pool_parent_class)->stop (pool);
}

static void
restream_packet_pool_finalize (GObject *object)
{
  // A buffer that came back while the pool stopped may still be in there.
  restream_packet_pool_drain (packet_pool (object));
  gst_atomic_queue_unref (packet_pool (object)->idle);
  G_OBJECT_CLASS (restream_packet_pool_parent_class)->finalize (object);
}

static void
restream_packet_pool_class_init (RestreamPacketPoolClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = restream_packet_pool_finalize;
  auto *pool_class = GST_BUFFER_POOL_CLASS (klass);
  pool_class->acquire_buffer = restream_packet_pool_acquire;
  pool_class->release_buffer = restream_packet_pool_release;
  pool_class->stop = restream_packet_pool_stop;
}

static void
restream_packet_pool_init (RestreamPacketPool *self)
{
  self->idle = gst_atomic_queue_new (kMaxIdle);
}

namespace restream::src {

Ref<GstBufferPool>
new_packet_pool ()
{
  auto pool = Ref<GstBufferPool>::sink (static_cast<GstBufferPool *> (
      g_object_new (restream_packet_pool_get_type (), nullptr)));
  GstStructure *config = gst_buffer_pool_get_config (pool.get ());
  gst_buffer_pool_config_set_params (config, nullptr, kSlotBytes, 0, 0);
  const bool ok = gst_buffer_pool_set_config (pool.get (), config)
      && gst_buffer_pool_set_active (pool.get (), TRUE);
  g_assert (ok); // an empty configuration of our own class
  return pool;
}

} // namespace restream::src
