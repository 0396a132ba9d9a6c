// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/sink-actions.h"

namespace restream::sink {

namespace {

GstStructure *
error_reply (const Error &error)
{
  return gst_structure_new ("rtprestream-error", "status", G_TYPE_UINT,
      http_status (error.code), "message", G_TYPE_STRING, error.what.c_str (),
      "retry-after", G_TYPE_UINT, error.retry_after_s, "invite", G_TYPE_BOOLEAN,
      error.code == Code::no_receiver, nullptr);
}

void
reply (const Ref<GstPromise> &promise, GstStructure *structure)
{
  if (promise)
    gst_promise_reply (promise.get (), structure);
  else
    gst_structure_free (structure);
}

const Error kNotRunning = {Code::conflict, "the sink is not running"};

bool
wants_loopback (const GstStructure *options)
{
  gboolean loopback = FALSE;
  if (options)
    gst_structure_get_boolean (options, "loopback", &loopback);
  return loopback;
}

std::string
text (const char *s)
{
  return s ? s : "";
}

// "answer" or "offer", as field says.
GstStructure *
viewer_reply (const char *name, const AddedViewer &viewer, const char *field)
{
  return gst_structure_new (name, "viewer-id", G_TYPE_STRING,
      viewer.id.c_str (), field, G_TYPE_STRING, viewer.answer.c_str (),
      nullptr);
}

// The engine lives until what was posted to it has run.
template <typename F>
void
on_control (const std::shared_ptr<Engine> &engine, GstPromise *promise, F f)
{
  auto kept = Ref<GstPromise>::retain (promise);
  if (!engine)
    return reply (kept, error_reply (kNotRunning));
  engine->post ([registry = &engine->registry (), kept, f = std::move (f)] {
    f (*registry, kept);
  });
}

} // namespace

void
add_viewer (const std::shared_ptr<Engine> &engine,
    const RegistrySettings &settings, const char *offer,
    const GstStructure *options, GstPromise *promise)
{
  on_control (engine, promise,
      [offer = text (offer), loopback = wants_loopback (options),
          settings] (ViewerRegistry &registry, const Ref<GstPromise> &kept) {
        registry.add (offer, loopback, settings,
            [kept] (Result<AddedViewer> added) {
              reply (kept,
                  added ? viewer_reply ("rtprestream-viewer", *added, "answer")
                        : error_reply (added.error ()));
            });
      });
}

void
invite_viewer (const std::shared_ptr<Engine> &engine,
    const RegistrySettings &settings, const GstStructure *options,
    GstPromise *promise)
{
  on_control (engine, promise,
      [loopback = wants_loopback (options), settings] (ViewerRegistry &registry,
          const Ref<GstPromise> &kept) {
        registry.invite (loopback, settings,
            [kept] (Result<AddedViewer> invited) {
              reply (kept,
                  invited ? viewer_reply ("rtprestream-invitation", *invited,
                      "offer")
                          : error_reply (invited.error ()));
            });
      });
}

void
answer_viewer (const std::shared_ptr<Engine> &engine, const char *id,
    const char *answer, GstPromise *promise)
{
  on_control (engine, promise,
      [id = text (id), answer = text (answer)] (ViewerRegistry &registry,
          const Ref<GstPromise> &kept) {
        registry.answer (id, answer, [kept] (Result<void> done) {
          reply (kept,
              done ? gst_structure_new_empty ("rtprestream-answered")
                   : error_reply (done.error ()));
        });
      });
}

void
update_ice (const std::shared_ptr<Engine> &engine, const char *id,
    const char *fragment, GstPromise *promise)
{
  on_control (engine, promise,
      [id = text (id), fragment = text (fragment)] (ViewerRegistry &registry,
          const Ref<GstPromise> &kept) {
        Result<IceReply> done = registry.update_ice (id, fragment);
        if (!done)
          return reply (kept, error_reply (done.error ()));
        reply (kept,
            gst_structure_new ("rtprestream-ice", "restarted", G_TYPE_BOOLEAN,
                gboolean (done->restarted), "fragment", G_TYPE_STRING,
                done->fragment.c_str (), nullptr));
      });
}

void
remove_viewer (const std::shared_ptr<Engine> &engine, const char *id,
    GstPromise *promise)
{
  on_control (engine, promise,
      [id = text (id)] (ViewerRegistry &registry, const Ref<GstPromise> &kept) {
        reply (kept,
            registry.remove (id, "removed")
                ? gst_structure_new_empty ("rtprestream-removed")
                : error_reply ({Code::not_found, "no such viewer"}));
      });
}

void
drain (const std::shared_ptr<Engine> &engine, GstClockTime timeout,
    GstPromise *promise)
{
  if (!engine) // nobody is there
    return reply (Ref<GstPromise>::retain (promise),
        gst_structure_new_empty ("rtprestream-drained"));
  on_control (engine, promise,
      [timeout] (ViewerRegistry &registry, const Ref<GstPromise> &kept) {
        registry.drain (
            static_cast<unsigned> (MIN (timeout / GST_MSECOND, 60000)), [kept] {
              reply (kept, gst_structure_new_empty ("rtprestream-drained"));
            });
      });
}

} // namespace restream::sink
